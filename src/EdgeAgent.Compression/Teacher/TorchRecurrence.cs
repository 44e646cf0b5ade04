using EdgeAgent.Compression.Runtime;
using EdgeAgent.Graph.Ir;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Teacher;

/// <summary>LSTM, GRU and simple recurrent layers on libtorch, with ONNX's order of gates and all of its variants.</summary>
internal static class TorchRecurrence
{
    /// <param name="inputs">As <see cref="RecurrentOperator"/> has them; null where one is absent.</param>
    /// <returns>All states [time, D, batch, H], the last one [D, batch, H], and for an LSTM the last cell state.</returns>
    public static Tensor[] Run(RecurrentOperator op, Tensor?[] inputs)
    {
        var directions = Enumerable.Range(0, op.Directions).Select(d => Direction(op, d, inputs)).ToArray();
        Tensor[] results = [stack(directions.Select(d => d.All), 1), stack(directions.Select(d => d.Last), 0)];
        return op is Lstm ? [.. results, stack(directions.Select(d => d.Cell), 0)] : results;
    }

    private static (Tensor All, Tensor Last, Tensor Cell) Direction(RecurrentOperator op, int direction, Tensor?[] inputs)
    {
        Tensor? Part(int input) => inputs[input]?.select(0, direction);
        var x = TorchGraph.Float(inputs[0]!);
        var (time, batch, hidden) = (x.shape[0], x.shape[1], op.Hidden);
        var rows = (long)op.Gates * hidden;
        var recurrent = Part(2)!.t();
        var biases = Part(3) ?? zeros(2 * rows);
        var (inputBias, stateBias) = (biases.narrow(0, 0, rows), biases.narrow(0, rows, rows));
        var projected = matmul(x, Part(1)!.t()).Plus(inputBias);
        var peepholes = Part(7)?.chunk(3);
        var state = Part(5) ?? zeros(batch, hidden);
        var cell = Part(6) ?? zeros(batch, hidden);
        var perDirection = op.Activations.Length / op.Directions;
        var activations = op.Activations.Skip(direction * perDirection).Take(perDirection).Select(Activation).ToArray();
        var reverse = op.Direction == RecurrentDirection.Reverse || direction == 1;
        var all = new Tensor[time];
        for (var step = 0L; step < time; step++)
        {
            var t = reverse ? time - 1 - step : step;
            var input = projected.select(0, t);
            var (stateBefore, cellBefore) = (state, cell);
            (state, cell) = op switch
            {
                Lstm => LstmStep(input.Plus(matmul(state, recurrent)).Plus(stateBias), cell, peepholes, activations),
                Gru gru => (GruStep(gru, input, state, recurrent, stateBias, activations), cell),
                _ => (activations[0](input.Plus(matmul(state, recurrent)).Plus(stateBias)), cell),
            };
            all[t] = state;
            if (inputs[4] is not { } lengths)
                continue;
            // Behind its end a sequence keeps its states, and has zeros as results; read from there, it has not begun.
            var within = lengths.Above(t).unsqueeze(1);
            (state, cell) = (where(within, state, stateBefore), where(within, cell, cellBefore));
            all[t] = state.mul(within);
        }
        return (stack(all, 0), state, cell);
    }

    // Gates i, o, f, c; peepholes i, o, f.
    private static (Tensor State, Tensor Cell) LstmStep(Tensor sums, Tensor cell, Tensor[]? peepholes, Func<Tensor, Tensor>[] activations)
    {
        var gates = sums.chunk(4, 1);
        Tensor Gate(int gate, Tensor of) => activations[0](peepholes is null ? gates[gate] : gates[gate].Plus(peepholes[gate].mul(of)));
        var next = Gate(2, cell).mul(cell).Plus(Gate(0, cell).mul(activations[1](gates[3])));
        return (Gate(1, next).mul(activations[2](next)), next);
    }

    // Gates z, r, h.
    private static Tensor GruStep(Gru op, Tensor input, Tensor state, Tensor recurrent, Tensor stateBias, Func<Tensor, Tensor>[] activations)
    {
        var (inputs, weights, biases) = (input.chunk(3, 1), recurrent.chunk(3, 1), stateBias.chunk(3));
        Tensor Product(int gate, Tensor of) => matmul(of, weights[gate]).Plus(biases[gate]);
        var update = activations[0](inputs[0].Plus(Product(0, state)));
        var reset = activations[0](inputs[1].Plus(Product(1, state)));
        var candidate = activations[1](inputs[2].Plus(op.LinearBeforeReset ? reset.mul(Product(2, state)) : Product(2, reset.mul(state))));
        return candidate.Plus(update.mul(state.sub(candidate)));
    }

    private static Func<Tensor, Tensor> Activation(string name) => name switch
    {
        "Sigmoid" => x => x.sigmoid(),
        "Tanh" => x => x.tanh(),
        "Relu" => x => x.relu(),
        "HardSigmoid" => x => x.Times(0.2).Plus(0.5).Within(0, 1),
        _ => throw new NotSupportedException($"activation {name} of a recurrent layer cannot be trained"),
    };
}

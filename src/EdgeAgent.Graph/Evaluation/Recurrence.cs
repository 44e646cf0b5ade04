using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>LSTM, GRU and simple recurrent layers: the inputs' part of all gates is one product, then a step at a time.</summary>
internal sealed class Recurrence
{
    private static readonly Gemm ByRows = new(1, 1, TransposeA: false, TransposeB: true);

    private readonly RecurrentOperator _op;
    private readonly Tensor?[] _inputs;
    private readonly ParallelOptions _parallel;
    private readonly int _time, _batch, _hidden;
    private readonly Tensor _all, _last, _cell;

    private Recurrence(RecurrentOperator op, Tensor?[] inputs, ParallelOptions parallel)
    {
        (_op, _inputs, _parallel, _hidden) = (op, inputs, parallel, op.Hidden);
        (_time, _batch) = (inputs[0]!.Shape[0], inputs[0]!.Shape[1]);
        _all = Tensor.Of(new float[_time * op.Directions * _batch * _hidden], _time, op.Directions, _batch, _hidden);
        _last = Tensor.Of(new float[op.Directions * _batch * _hidden], op.Directions, _batch, _hidden);
        _cell = Tensor.Of(new float[_last.Count], _last.Shape);
    }

    /// <returns>All states, the last one, and for an LSTM the last cell state.</returns>
    public static Tensor[] Run(RecurrentOperator op, Tensor?[] inputs, ParallelOptions parallel)
    {
        var recurrence = new Recurrence(op, inputs, parallel);
        for (var d = 0; d < op.Directions; d++)
            recurrence.Run(d);
        return op is Lstm ? [recurrence._all, recurrence._last, recurrence._cell] : [recurrence._all, recurrence._last];
    }

    private void Run(int direction)
    {
        var rows = _op.Gates * _hidden;
        var x = _inputs[0]!;
        var depth = x.Shape[2];
        var projected = Tensor.Of(new float[_time * _batch * rows], _time * _batch, rows);
        Products.Gemm(ByRows, x.Reshape(_time * _batch, depth), Products.Pack(ByRows, Part(1, direction, rows, depth)), null, projected, _parallel);
        var recurrent = Part(2, direction, rows, _hidden);
        var bias = Optional(3) is { } b ? b.Floats.AsSpan(direction * 2 * rows, 2 * rows).ToArray() : new float[2 * rows];
        var state = State(5, direction);
        var cell = State(6, direction);
        var lengths = Optional(4) is { } given ? (int[])given.Data : null;
        var reverse = _op.Direction == RecurrentDirection.Reverse || direction == 1;
        var activations = _op.Activations.Skip(direction * SequenceShapes.ActivationsOf(_op)).Take(SequenceShapes.ActivationsOf(_op)).Select(Function).ToArray();
        // A GRU that resets before its product needs the rows of gate h apart.
        var gates = _op is Gru { LinearBeforeReset: false } ? 2 * _hidden : rows;
        var packed = Pack(recurrent, 0, gates);
        var packedReset = gates < rows ? Pack(recurrent, gates, rows - gates) : null;
        for (var step = 0; step < _time; step++)
        {
            var products = Product(state, packed, gates);
            var resetProducts = (float[]?)null;
            if (packedReset is not null)
                resetProducts = Product(ResetState(state, projected, products, bias, step, reverse, lengths, rows, activations), packedReset, _hidden);
            for (var n = 0; n < _batch; n++)
            {
                if (Position(step, n, reverse, lengths) is not { } t)
                    continue;
                var at = n * _hidden;
                var input = projected.Floats.AsSpan((t * _batch + n) * rows, rows);
                var product = products.AsSpan(n * gates, gates);
                switch (_op)
                {
                    case Lstm:
                        LstmStep(input, product, bias, state.AsSpan(at, _hidden), cell.AsSpan(at, _hidden), direction, activations);
                        break;
                    case Gru:
                        GruStep(input, product, resetProducts is null ? product[(2 * _hidden)..] : resetProducts.AsSpan(at, _hidden), bias, state.AsSpan(at, _hidden), activations);
                        break;
                    default:
                        for (var j = 0; j < _hidden; j++)
                            state[at + j] = activations[0](input[j] + product[j] + bias[j] + bias[rows + j]);
                        break;
                }
                state.AsSpan(at, _hidden).CopyTo(_all.Floats.AsSpan(((t * _op.Directions + direction) * _batch + n) * _hidden));
            }
        }
        state.CopyTo(_last.Floats.AsSpan(direction * state.Length));
        cell.CopyTo(_cell.Floats.AsSpan(direction * cell.Length));
    }

    // ONNX: gates i, o, f, c; peepholes i, o, f.
    private void LstmStep(ReadOnlySpan<float> input, ReadOnlySpan<float> product, float[] bias, Span<float> state, Span<float> cell, int direction, Func<float, float>[] activations)
    {
        var peepholes = Optional(7) is { } p ? p.Floats.AsSpan(direction * 3 * _hidden, 3 * _hidden) : default;
        var rows = 4 * _hidden;
        for (var j = 0; j < _hidden; j++)
        {
            var (i, o, f, c) = (j, _hidden + j, 2 * _hidden + j, 3 * _hidden + j);
            var before = cell[j];
            var inputGate = activations[0](input[i] + product[i] + bias[i] + bias[rows + i] + (peepholes.IsEmpty ? 0 : peepholes[i] * before));
            var forgetGate = activations[0](input[f] + product[f] + bias[f] + bias[rows + f] + (peepholes.IsEmpty ? 0 : peepholes[f] * before));
            cell[j] = forgetGate * before + inputGate * activations[1](input[c] + product[c] + bias[c] + bias[rows + c]);
            var outputGate = activations[0](input[o] + product[o] + bias[o] + bias[rows + o] + (peepholes.IsEmpty ? 0 : peepholes[o] * cell[j]));
            state[j] = outputGate * activations[2](cell[j]);
        }
    }

    // ONNX: gates z, r, h. Bias of the recurrent h is inside the reset only where the product is.
    private void GruStep(ReadOnlySpan<float> input, ReadOnlySpan<float> product, ReadOnlySpan<float> candidate, float[] bias, Span<float> state, Func<float, float>[] activations)
    {
        var rows = 3 * _hidden;
        var linear = _op is Gru { LinearBeforeReset: true };
        for (var j = 0; j < _hidden; j++)
        {
            var (r, h) = (_hidden + j, 2 * _hidden + j);
            var update = activations[0](input[j] + product[j] + bias[j] + bias[rows + j]);
            var reset = linear ? activations[0](input[r] + product[r] + bias[r] + bias[rows + r]) : 1;
            var next = activations[1](input[h] + bias[h] + reset * (candidate[j] + bias[rows + h]));
            state[j] = (1 - update) * next + update * state[j];
        }
    }

    /// <summary>r * state of every sample, for the product that comes after the reset.</summary>
    private float[] ResetState(float[] state, Tensor projected, float[] products, float[] bias, int step, bool reverse, int[]? lengths, int rows, Func<float, float>[] activations)
    {
        var result = new float[state.Length];
        for (var n = 0; n < _batch; n++)
        {
            if (Position(step, n, reverse, lengths) is not { } t)
                continue;
            for (var j = 0; j < _hidden; j++)
            {
                var r = _hidden + j;
                var sum = projected.Floats[(t * _batch + n) * rows + r] + products[n * 2 * _hidden + r] + bias[r] + bias[rows + r];
                result[n * _hidden + j] = activations[0](sum) * state[n * _hidden + j];
            }
        }
        return result;
    }

    /// <summary>The time that sample <paramref name="n"/> is at, or null once its sequence has ended.</summary>
    private int? Position(int step, int n, bool reverse, int[]? lengths)
    {
        var length = lengths is null ? _time : Math.Clamp(lengths[n], 0, _time);
        return step >= length ? null : reverse ? length - 1 - step : step;
    }

    private PackedRows Pack(Tensor weights, int from, int count) =>
        Products.Pack(ByRows, Tensor.Of(weights.Floats.AsSpan(from * _hidden, count * _hidden).ToArray(), count, _hidden));

    private float[] Product(float[] state, PackedRows weights, int rows)
    {
        var result = Tensor.Of(new float[_batch * rows], _batch, rows);
        Products.Gemm(ByRows, Tensor.Of(state, _batch, _hidden), weights, null, result, _parallel);
        return result.Floats;
    }

    private Tensor Part(int input, int direction, int rows, int columns) =>
        Tensor.Of(_inputs[input]!.Floats.AsSpan(direction * rows * columns, rows * columns).ToArray(), rows, columns);

    private float[] State(int input, int direction)
    {
        var size = _batch * _hidden;
        return Optional(input) is { } given ? given.Floats.AsSpan(direction * size, size).ToArray() : new float[size];
    }

    private Tensor? Optional(int input) => input < _inputs.Length ? _inputs[input] : null;

    private static Func<float, float> Function(string name) => name switch
    {
        "Sigmoid" => x => 1 / (1 + MathF.Exp(-x)),
        "Tanh" => MathF.Tanh,
        "Relu" => x => MathF.Max(x, 0),
        "HardSigmoid" => x => Math.Clamp(0.2f * x + 0.5f, 0, 1),
        _ => throw new NotSupportedException($"activation {name} of a recurrent layer is not supported"),
    };
}

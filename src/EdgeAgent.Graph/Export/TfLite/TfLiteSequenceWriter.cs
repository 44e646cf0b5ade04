using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites.Quantization;

namespace EdgeAgent.Graph.Export.TfLite;

/// <summary>Recurrent layers; all but the forward LSTM are steps by now.</summary>
internal sealed partial class TfLiteGraphWriter
{
    /// <summary>Positions of the file's gates i, f, c, o among those of ONNX, which are i, o, f, c.</summary>
    private static readonly int[] FileGates = [0, 2, 3, 1];

    /// <summary>Positions of the file's peepholes i, f, o among those of ONNX, which are i, o, f.</summary>
    private static readonly int[] FilePeepholes = [0, 2, 1];

    /// <summary>24 inputs, of which projections and the normalisation of gates are left out, and two states.</summary>
    private void WriteLstm(QuantizedStep step, Lstm lstm)
    {
        const int absent = -1;
        const byte tanh = 4;
        var x = InOrder(step.Inputs[0]);
        var (batch, hidden) = (x.Shape[1], lstm.Hidden);
        var biases = Optional(step, 3)?.Floats ?? new float[8 * hidden];
        var bias = Tensor.Of([.. Enumerable.Range(0, 4 * hidden).Select(i => biases[i] + biases[4 * hidden + i])], 4 * hidden);
        int[] Matrices(int input) => Array.ConvertAll(FileGates, g => Rows(step, _graph.Constants[step.Node.Inputs[input]], g, 4, hidden));
        int[] peepholes = Optional(step, 7) is { } given ? Array.ConvertAll(FilePeepholes, p => Rows(step, given.Reshape(3 * hidden), p, 3, hidden)) : [absent, absent, absent];
        int[] inputs =
        [
            x.Tensor, .. Matrices(1), .. Matrices(2), .. peepholes, .. FileGates.Select(g => Rows(step, bias, g, 4, hidden)), absent, absent,
            _file.Variable($"{step.Node.Name}_state", [batch, hidden]), _file.Variable($"{step.Node.Name}_cell", [batch, hidden]), absent, absent, absent, absent,
        ];
        int[] made = [x.Shape[0], batch, hidden];
        var states = _file.Value($"{step.Node.Name}_states", ElementType.Float32, made, null);
        _file.Operator("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [states], new(TfLiteTable.UnidirectionalSequenceLstm, (0, tanh), (3, true)));
        EmitReshape(step, x with { Tensor = states, Shape = made }, [made[0], 1, batch, hidden], channelsLast: false);
    }

    private Tensor? Optional(QuantizedStep step, int input) => input < step.Node.Inputs.Count ? _graph.Constants.GetValueOrDefault(step.Node.Inputs[input]) : null;

    /// <summary>Gate <paramref name="index"/> of <paramref name="count"/> one upon the other: [H, columns], or [H].</summary>
    private int Rows(QuantizedStep step, Tensor stacked, int index, int count, int hidden)
    {
        var size = stacked.Count / count;
        int[] shape = stacked.Shape.Length == 1 ? [hidden] : [hidden, size / hidden];
        return Constant($"{step.Node.Name}_gate_{_temporaries++}", Tensor.Of(stacked.Floats.AsSpan(index * size, size).ToArray(), shape)).Tensor;
    }
}

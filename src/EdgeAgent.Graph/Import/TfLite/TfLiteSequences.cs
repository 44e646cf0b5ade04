using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TfLite;

/// <summary>The fused LSTM that converters make of Keras's layer: 24 tensors, most of which are variants that it does not use.</summary>
internal static class TfLiteSequences
{
    private const int InputWeights = 1, RecurrentWeights = 5, Peepholes = 9, Biases = 12, Projection = 16, State = 18, CellState = 19, NormalizedGates = 20;

    /// <summary>Positions of ONNX's gates i, o, f, c among those of the file, which are i, f, c, o.</summary>
    private static readonly int[] Gates = [0, 3, 1, 2];

    public static void Lstm(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        if (node.Has(Projection) || node.Has(NormalizedGates) || !node.Has(InputWeights))
            throw node.Fault("projections, layer normalisation of gates and coupled gates are not supported");
        if (node.Byte(0) != 4 || node.Float(1) != 0 || node.Float(2) != 0)
            throw node.Fault("only tanh without clipping is supported");
        foreach (var state in new[] { State, CellState })
            if (node.Has(state) && !node.Input(state).IsVariable)
                throw node.Fault("initial states are not supported");
        var x = graph.Real(node, 0);
        var timeMajor = node.Flag(3);
        if (!timeMajor)
            x = graph.Emit(node, new Transpose([1, 0, 2]), x);
        var weights = Stacked(node, graph, InputWeights, Gates);
        var recurrent = Stacked(node, graph, RecurrentWeights, Gates);
        var hidden = graph.Shape(recurrent)[2];
        var bias = Row(node, graph, graph.Emit(node, new Concat(0), [.. Gates.Select(g => graph.Weights(node, Biases + g))]));
        var zeros = graph.NewConstant(node, "recurrent_bias", Tensor.Of(new float[4 * hidden], 1, 4 * hidden));
        var inputs = new List<string> { x, weights, recurrent, graph.Emit(node, new Concat(1), bias, zeros) };
        if (node.Has(Peepholes))
            // ONNX has them in the order i, o, f; the file i, f, o.
            inputs.AddRange(["", "", "", Row(node, graph, graph.Emit(node, new Concat(0), graph.Weights(node, Peepholes), graph.Weights(node, Peepholes + 2), graph.Weights(node, Peepholes + 1)))]);
        var states = graph.Emit(node, new Lstm(hidden, RecurrentDirection.Forward, ["Sigmoid", "Tanh", "Tanh"]), [.. inputs], 3)[0];
        // [time, 1, batch, H] without the axis of directions.
        var shape = graph.Shape(states);
        var sequence = timeMajor
            ? graph.Emit(node, new Reshape([shape[0], -1, hidden]), states)
            : graph.Emit(node, new Reshape([-1, shape[0], hidden]), graph.Emit(node, new Transpose([2, 0, 1, 3]), states));
        graph.Define(node, sequence);
    }

    /// <summary>Four matrices one upon the other as [1, 4 * H, columns].</summary>
    private static string Stacked(TfLiteNode node, TfLiteGraphBuilder graph, int first, int[] order) =>
        Row(node, graph, graph.Emit(node, new Concat(0), [.. order.Select(g => graph.Weights(node, first + g))]));

    private static string Row(TfLiteNode node, TfLiteGraphBuilder graph, string value) =>
        graph.Emit(node, new Reshape([1, .. graph.Shape(value).Select(d => (long)d)]), value);
}

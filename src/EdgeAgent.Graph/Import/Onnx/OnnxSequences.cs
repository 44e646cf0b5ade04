using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>Recurrent layers. Those with the batch first get Transposes around them.</summary>
internal static class OnnxSequences
{
    private static readonly string[] Known = ["Sigmoid", "Tanh", "Relu", "HardSigmoid"];

    public static void Lstm(OnnxNode node, OnnxGraphBuilder graph) =>
        Convert(node, graph, ["Sigmoid", "Tanh", "Tanh"], (hidden, direction, activations) => new Lstm(hidden, direction, activations));

    public static void Gru(OnnxNode node, OnnxGraphBuilder graph) =>
        Convert(node, graph, ["Sigmoid", "Tanh"], (hidden, direction, activations) => new Gru(hidden, direction, activations, node.Flag("linear_before_reset")));

    public static void Rnn(OnnxNode node, OnnxGraphBuilder graph) =>
        Convert(node, graph, ["Tanh"], (hidden, direction, activations) => new Rnn(hidden, direction, activations));

    private static void Convert(OnnxNode node, OnnxGraphBuilder graph, string[] usual, Func<int, RecurrentDirection, string[], RecurrentOperator> make)
    {
        if (node.Float("clip", 0) != 0 || node.Flag("input_forget"))
            throw node.Fault("clip and input_forget are not supported");
        var direction = node.String("direction", "forward") switch
        {
            "forward" => RecurrentDirection.Forward,
            "reverse" => RecurrentDirection.Reverse,
            "bidirectional" => RecurrentDirection.Bidirectional,
            var other => throw node.Fault($"direction '{ModelImportException.OneLine(other)}' is unknown"),
        };
        var activations = node.Strings("activations") ?? [.. Enumerable.Repeat(usual, direction == RecurrentDirection.Bidirectional ? 2 : 1).SelectMany(a => a)];
        if (activations.FirstOrDefault(a => !Known.Contains(a)) is { } unknown)
            throw node.Fault($"activation '{ModelImportException.OneLine(unknown)}' is not supported; supported are {string.Join(", ", Known)}");
        if (!AreUsual(node, "activation_alpha", 0.2f, activations) || !AreUsual(node, "activation_beta", 0.5f, activations))
            throw node.Fault("parameters of activations are not supported, other than a HardSigmoid's 0.2 and 0.5");
        var hidden = node.SmallInt("hidden_size", OnnxOperators.Shape(node, graph, 2) is { Length: 3 } r ? r[2] : 0);
        var op = make(hidden, direction, activations);
        var names = Enumerable.Range(0, 8).Select(node.Input).ToArray();
        // States that begin with zeros are those of a layer without initial ones; so the batch stays free.
        foreach (var state in new[] { 5, 6 })
            if (names[state].Length > 0 && graph.UniformOf(names[state]) is 0)
                names[state] = "";
        var batchFirst = node.Flag("layout");
        if (batchFirst)
        {
            names[0] = graph.EmitTemporary(node, new Transpose([1, 0, 2]), names[0]);
            foreach (var state in new[] { 5, 6 })
                if (names[state].Length > 0)
                    names[state] = graph.EmitTemporary(node, new Transpose([1, 0, 2]), names[state]);
        }
        var count = Array.FindLastIndex(names, n => n.Length > 0) + 1;
        var outputs = Enumerable.Range(0, op is Lstm ? 3 : 2).Select(i => node.Output(i).Length > 0 && !batchFirst ? node.Output(i) : graph.FreshName($"{node.Name}_state{i}")).ToArray();
        graph.Emit(node.Name, op, names[..count], outputs);
        if (!batchFirst)
            return;
        for (var i = 0; i < outputs.Length; i++)
            if (node.Output(i).Length > 0)
                graph.Emit($"{node.Name}_output{i}", new Transpose(i == 0 ? [2, 0, 1, 3] : [1, 0, 2]), [outputs[i]], node.Output(i));
    }

    /// <summary>The parameter of every HardSigmoid is its default, which exporters write out; no other activation that is supported has one.</summary>
    private static bool AreUsual(OnnxNode node, string attribute, float usual, string[] activations) =>
        node.Floats(attribute) is not { } given || given.Length <= activations.Count(a => a == "HardSigmoid") && Array.TrueForAll(given, v => v == usual);
}

using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TensorFlow;

/// <summary>
/// A frozen GraphDef to the graph IR. The file names neither inputs nor outputs: inputs are its Placeholders, outputs the
/// nodes that no other reads.
/// </summary>
internal static class FrozenGraphImporter
{
    /// <summary>Nodes that have no result a model is asked for.</summary>
    private static readonly HashSet<string> _noResults = ["Assert", "Const", "NoOp", "Placeholder", "PlaceholderWithDefault", "VarHandleOp", "Variable", "VariableV2"];

    public static GraphSpec Import(byte[] bytes, string name, OpenSizes open)
    {
        var graph = TfProto.Parse<GraphDef>(bytes, "TensorFlow graph");
        if (graph.Node.Count == 0)
            throw new ImportFault($"holds no graph in its {bytes.Length} bytes; it is no TensorFlow graph, or cut short");
        var scope = new TfScope(graph.Node, "the graph");
        var outputs = Outputs(graph);
        var assembly = new GraphAssembly(open);
        var inputs = graph.Node.Where(n => n.Op == "Placeholder").ToList();
        foreach (var reserved in inputs.Concat(outputs))
            assembly.Reserve(reserved.Name);
        foreach (var input in inputs)
            scope.Values[new(input.Name, 0)] = new TfValue.Data(new(Input(assembly, input)));
        var walker = new TfWalker(graph.Library, new(assembly), variable =>
            throw new ImportFault($"variable '{ModelImportException.OneLine(variable)}' has no value in a graph file; freeze the model, or give its SavedModel folder"));
        var results = walker.Run(scope, [.. outputs.Select(o => new TfEdge(o.Name, 0))]);
        return SavedModelImporter.Build(assembly, name, [.. outputs.Select(o => o.Name)], results, new(assembly));
    }

    private static List<NodeDef> Outputs(GraphDef graph)
    {
        // What only orders other nodes is no output either, such as the sides of a condition.
        var read = graph.Node.Where(n => n.Op != "NoOp").SelectMany(n => n.Input).Select(i => TfEdge.Parse(i.TrimStart('^'))).OfType<TfEdge>().Select(e => e.Node).ToHashSet();
        var outputs = graph.Node.Where(n => !read.Contains(n.Name) && !_noResults.Contains(n.Op)).ToList();
        return outputs.Count > 0
            ? outputs
            : throw new ImportFault("has no output: every node is read by another or computes nothing; a model must be acyclic and end in a result");
    }

    private static string Input(GraphAssembly assembly, NodeDef placeholder)
    {
        var node = new TfNode(placeholder, [], new(assembly));
        var proto = placeholder.Attr.TryGetValue("shape", out var shape) ? shape.Shape : null;
        if (proto is null || proto.UnknownRank)
            throw node.Fault("is an input of unknown shape; export the model with fixed sizes (only the batch may be dynamic)");
        return assembly.Input(placeholder.Name, SavedModelImporter.InputType(placeholder.Name, node.Type("dtype")), SavedModelImporter.InputShape(placeholder.Name, proto));
    }
}

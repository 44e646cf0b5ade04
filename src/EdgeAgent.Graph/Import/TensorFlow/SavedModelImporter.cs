using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TensorFlow;

/// <summary>
/// A SavedModel to the graph IR: what its serving signature computes, with the variables' values from the checkpoint beside
/// it. Written by Keras or by TensorFlow itself, version 1 or 2.
/// </summary>
internal static class SavedModelImporter
{
    public const string GraphFile = "saved_model.pb";
    private const string ServingTag = "serve", ServingSignature = "serving_default", InitSignature = "__saved_model_init_op";

    /// <param name="bytes">The content of saved_model.pb.</param>
    /// <param name="folder">Holds the folder "variables".</param>
    public static GraphSpec Import(byte[] bytes, string folder, string name, OpenSizes open)
    {
        var model = TfProto.Parse<SavedModel>(bytes, "SavedModel");
        var meta = model.MetaGraphs.FirstOrDefault(m => m.MetaInfoDef?.Tags.Contains(ServingTag) == true) ?? model.MetaGraphs.FirstOrDefault();
        if (meta?.GraphDef is null || meta.GraphDef.Node.Count == 0)
            throw new ImportFault($"holds no graph in the {bytes.Length} bytes of {GraphFile}; it is no SavedModel, or cut short");
        var signature = Signature(meta);
        var scope = new TfScope(meta.GraphDef.Node, "the graph");
        var assembly = new GraphAssembly(open);
        // Maps have no order of their own in the file.
        var inputs = signature.Inputs.OrderBy(i => i.Key, StringComparer.Ordinal).ToList();
        var outputs = signature.Outputs.OrderBy(o => o.Key, StringComparer.Ordinal).ToList();
        foreach (var (key, _) in inputs.Concat(outputs))
            assembly.Reserve(key);
        foreach (var (key, info) in inputs)
        {
            if (info.TensorShape is null || info.TensorShape.UnknownRank)
                throw new ImportFault($"input '{ModelImportException.OneLine(key)}' has an unknown shape; export the model with fixed sizes (only the batch may be dynamic)");
            scope.Values[Edge(info)] = new TfValue.Data(new(assembly.Input(key, InputType(key, info.Dtype), InputShape(key, info.TensorShape))));
        }
        using var variables = new TfVariables(meta, Path.Combine(folder, "variables"));
        var graph = new ChannelsLastGraph(assembly);
        var results = new TfWalker(meta.GraphDef.Library, graph, variables.Read).Run(scope, [.. outputs.Select(o => Edge(o.Value))]);
        return Build(assembly, name, [.. outputs.Select(o => o.Key)], results, graph);
    }

    /// <summary>The graph whose outputs of these names have these values.</summary>
    public static GraphSpec Build(GraphAssembly assembly, string name, IReadOnlyList<string> names, IReadOnlyList<TfValue> values, ChannelsLastGraph graph)
    {
        var outputs = names.Zip(values, (output, value) =>
        {
            ImportFault Fault(string what) => new($"output '{ModelImportException.OneLine(output)}' {what}");
            return (output, value switch
            {
                TfValue.Data data => graph.Plain(data.Laid),
                TfValue.Filled filled => filled.Place(graph, Fault).Name,
                TfValue.Unknown unknown => throw unknown.Fault,
                TfValue.Random random => throw random.Fault,
                TfValue.Dead => throw Fault("is of a branch that is not taken"),
                _ => throw Fault("does not depend on any input"),
            });
        });
        return assembly.Build(name, [.. outputs]);
    }

    public static ElementType InputType(string input, int type) => TfTypes.Of(type) is not (TfType.Double or TfType.Half or TfType.BFloat16) && TfTypes.ElementOf(type) is { } element
        ? element
        : throw new ImportFault($"input '{ModelImportException.OneLine(input)}' is of type {TfTypes.Of(type)}; supported are float, uint8, int8, int32, int64 and bool");

    public static int[] InputShape(string input, TensorShapeProto proto)
    {
        var shape = new int[proto.Dim.Count];
        for (var axis = 0; axis < shape.Length; axis++)
            shape[axis] = proto.Dim[axis].Size switch
            {
                > int.MaxValue => throw new ImportFault($"input '{ModelImportException.OneLine(input)}' has {proto.Dim[axis].Size} elements along axis {axis}, which is too large"),
                < 0 => -1,
                var size => (int)size,
            };
        return shape;
    }

    private static SignatureDef Signature(MetaGraphDef meta)
    {
        if (meta.SignatureDef.TryGetValue(ServingSignature, out var serving))
            return serving;
        var others = meta.SignatureDef.Where(s => s.Key != InitSignature && s.Value.Inputs.Count > 0 && s.Value.Outputs.Count > 0).ToList();
        return others is [var single]
            ? single.Value
            : throw new ImportFault($"has {others.Count} signatures with inputs and outputs ({string.Join(", ", others.Take(8).Select(s => ModelImportException.OneLine(s.Key)))}) and no '{ServingSignature}'; export the model with one");
    }

    private static TfEdge Edge(TensorInfo info) => TfEdge.Parse(info.Name) ?? throw new ImportFault($"a signature names the control edge '{ModelImportException.OneLine(info.Name)}'");
}

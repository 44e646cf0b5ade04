namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>
/// Functions that a file defines beside its graph, as PyTorch 2.1 to 2.5 writes modules. A call becomes the function's nodes, under
/// names of their own, with the call's attributes in the places that refer to them.
/// </summary>
internal sealed class OnnxFunctions
{
    private readonly Dictionary<(string Domain, string Name, string Overload), FunctionProto> _functions = [];

    /// <summary>Those whose nodes are being converted, one inside the other.</summary>
    private readonly HashSet<FunctionProto> _open = new(ReferenceEqualityComparer.Instance);

    public OnnxFunctions(IEnumerable<FunctionProto> functions)
    {
        foreach (var function in functions)
            if (!_functions.TryAdd((Domain(function.Domain), function.Name, function.Overload), function))
                throw new ImportFault($"defines the function '{ModelImportException.OneLine($"{function.Domain}.{function.Name}")}' twice");
    }

    /// <summary>The function that a node calls; null if it is none of the file.</summary>
    public FunctionProto? Find(NodeProto node) => _functions.GetValueOrDefault((Domain(node.Domain), node.OpType, node.Overload));

    public void Inline(OnnxNode node, OnnxGraphBuilder graph, FunctionProto function)
    {
        var absent = function.Input.Count - node.Proto.Input.Count;
        if (absent < 0 || node.Proto.Output.Count > function.Output.Count)
            throw node.Fault($"has {node.Proto.Input.Count} inputs and {node.Proto.Output.Count} outputs, the function that it calls {function.Input.Count} and {function.Output.Count}");
        if (!_open.Add(function))
            throw node.Fault("calls a function that calls itself, which cannot be written out");
        var body = new OnnxBody(node, graph, Body(node, function), OnnxGraphBuilder.Opset(function.OpsetImport, node.Opset, node.Fault));
        var results = body.Step([.. node.Proto.Input, .. Enumerable.Repeat("", absent)]);
        for (var i = 0; i < node.Proto.Output.Count; i++)
            graph.Bind(node, i, results[i]);
        _open.Remove(function);
    }

    private static GraphProto Body(OnnxNode call, FunctionProto function)
    {
        var attributes = function.Attribute.Distinct().ToDictionary(name => name, _ => (AttributeProto?)null);
        foreach (var attribute in function.AttributeProto.Concat(call.Proto.Attribute))
            attributes[attribute.Name] = attribute.G is null ? attribute : throw call.Fault($"gives the function nodes, as its attribute '{ModelImportException.OneLine(attribute.Name)}', which is not supported");
        var body = new GraphProto();
        body.Input.AddRange(function.Input.Select(name => new ValueInfoProto { Name = name }));
        body.Output.AddRange(function.Output.Select(name => new ValueInfoProto { Name = name }));
        body.Node.AddRange(function.Node.Select(node => Filled(call, node, attributes)));
        // A function sees nothing of what is around its call, whatever the names are.
        var own = function.Input.Concat(function.Node.SelectMany(n => n.Output)).ToHashSet();
        if (function.Output.Concat(body.Node.SelectMany(OnnxBranches.OuterReads)).FirstOrDefault(name => !own.Contains(name)) is { } unknown)
            throw call.Fault($"calls a function that needs '{ModelImportException.OneLine(unknown)}', which nothing in it defines");
        return body;
    }

    /// <summary>A node of the function with the call's attributes, or the function's defaults. Tensors are shared, not copied.</summary>
    private static NodeProto Filled(OnnxNode call, NodeProto node, Dictionary<string, AttributeProto?> attributes)
    {
        var filled = new NodeProto { Name = node.Name, OpType = node.OpType, Domain = node.Domain, Overload = node.Overload };
        filled.Input.AddRange(node.Input);
        filled.Output.AddRange(node.Output);
        foreach (var attribute in node.Attribute)
            if (attribute.RefAttrName.Length == 0)
                filled.Attribute.Add(attribute.G is null ? attribute : Filled(call, attribute, attributes));
            else if (!attributes.TryGetValue(attribute.RefAttrName, out var given))
                throw call.Fault($"calls a function that refers to an attribute '{ModelImportException.OneLine(attribute.RefAttrName)}', which it does not have");
            // What neither the call nor the function gives has the default of the node's own operator.
            else if (given is not null)
                filled.Attribute.Add(Named(given, attribute.Name));
        return filled;
    }

    private static AttributeProto Filled(OnnxNode call, AttributeProto branch, Dictionary<string, AttributeProto?> attributes)
    {
        var body = new GraphProto { Name = branch.G.Name };
        body.Input.AddRange(branch.G.Input);
        body.Output.AddRange(branch.G.Output);
        body.Initializer.AddRange(branch.G.Initializer);
        body.Node.AddRange(branch.G.Node.Select(node => Filled(call, node, attributes)));
        return new() { Name = branch.Name, Type = branch.Type, G = body };
    }

    private static AttributeProto Named(AttributeProto given, string name)
    {
        var named = new AttributeProto { Name = name, Type = given.Type, F = given.F, I = given.I, S = given.S, T = given.T, RefAttrName = given.RefAttrName };
        named.Floats.AddRange(given.Floats);
        named.Ints.AddRange(given.Ints);
        named.Strings.AddRange(given.Strings);
        return named;
    }

    private static string Domain(string domain) => domain == "ai.onnx" ? "" : domain;
}

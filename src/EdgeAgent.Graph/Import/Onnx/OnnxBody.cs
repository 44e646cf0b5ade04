using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>Nodes that are converted more than once, each time under names of their own: the body of a loop, or of a function.</summary>
internal sealed class OnnxBody
{
    private readonly OnnxNode _node;
    private readonly OnnxGraphBuilder _graph;
    private readonly IReadOnlyList<OnnxNode> _nodes;
    private readonly bool _isFunction;
    private int _steps;

    /// <summary>Of a loop, which sees what is around it.</summary>
    public OnnxBody(OnnxNode node, OnnxGraphBuilder graph)
        : this(node, graph, node.Subgraph("body") ?? throw node.Fault("has no body"), null)
    {
    }

    /// <param name="opset">Of a function, which sees its inputs only; null for a loop.</param>
    public OnnxBody(OnnxNode node, OnnxGraphBuilder graph, GraphProto body, int? opset)
    {
        (_node, _graph, _isFunction) = (node, graph, opset is not null);
        _nodes = opset is { } own ? OnnxOrder.Sort(body, [], own) : graph.Open(node, body);
        Inputs = [.. body.Input.Select(i => i.Name)];
        Outputs = [.. body.Output.Select(o => o.Name)];
    }

    public IReadOnlyList<string> Inputs { get; }

    public IReadOnlyList<string> Outputs { get; }

    /// <summary>Converts the body with these values as its inputs; returns the names of its outputs.</summary>
    public string[] Step(string[] inputs)
    {
        var mark = _isFunction ? $"_call{_graph.NextCall()}" : $"_{_steps}";
        var names = new Dictionary<string, string>();
        foreach (var (own, value) in Inputs.Zip(inputs))
            if (!names.TryAdd(own, value))
                throw _node.Fault($"its body has two inputs '{ModelImportException.OneLine(own)}'");
        var copies = new List<OnnxNode>(_nodes.Count);
        foreach (var inner in _nodes)
        {
            var proto = Copy(inner.Proto);
            Rename(proto, names, mark);
            proto.Name = OnnxGraphBuilder.Bounded(_isFunction ? $"{_node.Name}/{inner.Name}" : $"{inner.Name}_{_steps}");
            copies.Add(new OnnxNode(proto, 0, inner.Opset));
            _graph.NoteReaders(proto);
        }
        _steps++;
        string[] outputs = [.. Outputs.Select(o => names.GetValueOrDefault(o, o))];
        foreach (var output in outputs)
            _graph.NoteReader(output, _node.Op);
        _graph.Nested(_node, () => copies.ForEach(_graph.Convert));
        return outputs;
    }

    /// <summary>One element of a sequence, without the axis of the sequence.</summary>
    public string Element(string sequence, int axis, int index)
    {
        var slice = _graph.EmitTemporary(_node, new StridedSlice([index], [index + 1], [axis], [1]), sequence);
        return Reshaped(slice, [.. _graph.ValueOf(_node, slice).Shape.Where((_, i) => i != axis)]);
    }

    private string Unsqueezed(string value, int axis)
    {
        var shape = _graph.ValueOf(_node, value).Shape.ToList();
        shape.Insert(axis, 1);
        return Reshaped(value, [.. shape]);
    }

    /// <summary>What the steps have made, one behind the other along a new axis.</summary>
    public string Stacked(IReadOnlyList<string> made, long axis)
    {
        if (made.Count == 0)
            throw _node.Fault("has no step and stacks what they make: an empty tensor, which is not supported");
        var at = OnnxShapes.Axis(_node, axis, _graph.ValueOf(_node, made[0]).Shape.Length + 1);
        return _graph.EmitTemporary(_node, new Concat(at), [.. made.Select(m => Unsqueezed(m, at))]);
    }

    private string Reshaped(string value, int[] shape) => _graph.EmitTemporary(_node, new Reshape([.. shape.Select(d => (long)Math.Max(d, -1))]), value);

    /// <summary>A node to rename. It shares the attributes, which may be weights, except those that hold nodes.</summary>
    private static NodeProto Copy(NodeProto node)
    {
        var copy = new NodeProto { OpType = node.OpType, Domain = node.Domain, Overload = node.Overload };
        copy.Input.AddRange(node.Input);
        copy.Output.AddRange(node.Output);
        copy.Attribute.AddRange(node.Attribute.Select(a => a.G is null ? a : a.Clone()));
        return copy;
    }

    private void Rename(NodeProto proto, Dictionary<string, string> names, string mark)
    {
        for (var i = 0; i < proto.Input.Count; i++)
            proto.Input[i] = names.GetValueOrDefault(proto.Input[i], proto.Input[i]);
        foreach (var body in proto.Attribute.Where(a => a.G is not null).Select(a => a.G))
            RenameBody(body, new(names), mark);
        for (var i = 0; i < proto.Output.Count; i++)
            if (proto.Output[i].Length > 0)
                proto.Output[i] = names[proto.Output[i]] = _graph.FreshName(proto.Output[i] + mark);
    }

    /// <summary>Bodies within the body: what they define has other names in every step too.</summary>
    private void RenameBody(GraphProto body, Dictionary<string, string> names, string mark)
    {
        string Own(string name) => names[name] = OnnxGraphBuilder.Bounded(name + mark);
        foreach (var input in body.Input)
            input.Name = Own(input.Name);
        foreach (var initializer in body.Initializer)
            initializer.Name = Own(initializer.Name);
        foreach (var inner in body.Node)
            foreach (var output in inner.Output.Where(o => o.Length > 0))
                Own(output);
        foreach (var inner in body.Node)
        {
            for (var i = 0; i < inner.Input.Count; i++)
                inner.Input[i] = names.GetValueOrDefault(inner.Input[i], inner.Input[i]);
            for (var i = 0; i < inner.Output.Count; i++)
                inner.Output[i] = names.GetValueOrDefault(inner.Output[i], inner.Output[i]);
            foreach (var nested in inner.Attribute.Where(a => a.G is not null).Select(a => a.G))
                RenameBody(nested, new(names), mark);
        }
        foreach (var output in body.Output)
            output.Name = names.GetValueOrDefault(output.Name, output.Name);
    }
}

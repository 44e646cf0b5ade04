using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;

namespace EdgeAgent.Graph.Import;

/// <summary>
/// The IR graph that an importer builds, node by node. Shapes are inferred as nodes are added, so that a fault names the
/// node it comes from; a node that reads constants only is computed at once.
/// </summary>
internal sealed class GraphAssembly(OpenSizes open)
{
    /// <summary>A file may be repeated or broadcast into larger constants, but not without bound.</summary>
    private const long ComputedPerStored = 8, ComputedAtLeast = 1 << 22;

    private readonly List<ValueSpec> _inputs = [];
    private readonly List<Node> _nodes = [];
    private readonly Dictionary<string, Tensor> _constants = [];
    private readonly Dictionary<string, ValueSpec> _values = [];
    private readonly HashSet<string> _reserved = [];
    private readonly Dictionary<string, int> _suffixes = [];
    private long _stored;
    private long _computed;

    public IReadOnlyList<ValueSpec> Inputs => _inputs;

    /// <summary>Keeps <paramref name="name"/> for an input or output of the graph.</summary>
    public void Reserve(string name) => _reserved.Add(name);

    public string Input(string name, ElementType type, int[] shape)
    {
        var shown = ModelImportException.OneLine(name);
        shape = [.. shape.Select((size, axis) => axis > 0 && size == -1 && shape.Length <= 8 ? open.Take(name, axis) : size)];
        if (shape.Length > 8 || ShapeInference.ElementsPerSample(shape) > ShapeInference.MaxElements)
            throw new ImportFault($"input '{shown}' has the shape [{string.Join(',', shape.Take(16))}]; at most 8 axes and {ShapeInference.MaxElements} elements are supported");
        for (var axis = 0; axis < shape.Length; axis++)
            if (shape[axis] < 1 && (axis > 0 || shape[axis] != -1))
                throw new ImportFault($"input '{shown}' has {shape[axis]} elements along axis {axis}, which no value can have");
        var spec = new ValueSpec(name, type, shape);
        if (!_values.TryAdd(name, spec))
            throw new ImportFault($"input '{shown}' is defined twice");
        _inputs.Add(spec);
        return name;
    }

    public ValueSpec Value(string name) => _values[name];

    public int[] Shape(string name) => _values[name].Shape;

    /// <summary>The tensor behind a value, if it is known.</summary>
    public Tensor? Constant(string name) => _constants.GetValueOrDefault(name);

    /// <summary>Adds a constant under a name made of <paramref name="name"/>.</summary>
    public string Constant(string name, Tensor tensor)
    {
        _stored += tensor.Count;
        return Define(name, tensor);
    }

    /// <summary>Appends a node; its name and that of its output are made of <paramref name="name"/>.</summary>
    /// <returns>The output's name.</returns>
    public string Emit(string name, Operator op, params ReadOnlySpan<string> inputs)
    {
        var node = new Node(Fresh(name), op, inputs.ToArray(), [Fresh(name)]);
        var output = Infer(node);
        if (node.Inputs.All(i => i.Length == 0 || _constants.ContainsKey(i)))
            return Define(name, Compute(node, output));
        _values.Add(node.Output, output);
        _nodes.Add(node);
        return node.Output;
    }

    /// <summary>Appends a node that has several outputs and is never computed at once.</summary>
    /// <returns>The outputs' names.</returns>
    public string[] Emit(string name, Operator op, int outputs, params ReadOnlySpan<string> inputs)
    {
        var node = new Node(Fresh(name), op, inputs.ToArray(), [.. Enumerable.Range(0, outputs).Select(i => Fresh(i == 0 ? name : $"{name}_output_{i}"))]);
        foreach (var value in ShapeInference.Infer(node, _values.GetValueOrDefault))
            _values.Add(value.Name, value);
        _nodes.Add(node);
        return [.. node.Outputs];
    }

    public GraphSpec Build(string name, IReadOnlyList<(string Name, string Value)> outputs)
    {
        var specs = new List<ValueSpec>();
        foreach (var (output, value) in outputs)
        {
            if (_values.ContainsKey(output) && output != value)
                throw new ImportFault($"output '{ModelImportException.OneLine(output)}' has the name of another value");
            if (output != value)
            {
                var node = new Node(Fresh(output + "_output"), new Identity(), [value], [output]);
                _values.Add(output, Infer(node));
                _nodes.Add(node);
            }
            specs.Add(_values[output]);
        }
        var graph = new GraphSpec(name, _inputs, specs, _nodes, _constants).RemoveUnused();
        return DropIdentities.Apply(DynamicBatch.Apply(graph).Verify()).Verify();
    }

    private string Define(string name, Tensor tensor)
    {
        name = Fresh(name);
        _constants.Add(name, tensor);
        _values.Add(name, new(name, tensor.Type, tensor.Shape));
        return name;
    }

    private ValueSpec Infer(Node node) => ShapeInference.Infer(node, _values.GetValueOrDefault)[0];

    private Tensor Compute(Node node, ValueSpec output)
    {
        _computed += ShapeInference.ElementsPerSample(output.Shape);
        if (_computed > Math.Max(ComputedAtLeast, ComputedPerStored * _stored))
            throw new ImportFault($"node '{ModelImportException.OneLine(node.Name)}' ({node.Op.Type}) computes a constant of [{string.Join(',', output.Shape)}], more than the model's own weights account for");
        var single = new GraphSpec("constant", [], [output], [node], node.Inputs.Where(i => i.Length > 0).Distinct().ToDictionary(i => i, i => _constants[i]));
        try
        {
            return new GraphInterpreter(single, threads: 1).Run(new Dictionary<string, Tensor>())[node.Output];
        }
        catch (ArgumentException e)
        {
            // Such as an index that is outside of its table.
            throw new ImportFault($"node '{ModelImportException.OneLine(node.Name)}' ({node.Op.Type}): {e.Message}", e);
        }
    }

    private string Fresh(string wanted)
    {
        var name = wanted = wanted.Length > 0 ? wanted : "value";
        // Functions may be inlined thousands of times: the search goes on where the last one for this name ended.
        while (_values.ContainsKey(name) || _reserved.Contains(name))
            name = $"{wanted}_{_suffixes[wanted] = _suffixes.GetValueOrDefault(wanted) + 1}";
        return name;
    }
}

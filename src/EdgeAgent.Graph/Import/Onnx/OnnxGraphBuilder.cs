using System.Collections.Immutable;
using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>
/// Walks an ONNX graph in topological order. Nodes that compute shapes or other small constants are folded; every other
/// node is handed to its converter in <see cref="OnnxOperators"/>, which appends IR nodes here, or is the call of a function of
/// the file.
/// </summary>
internal sealed class OnnxGraphBuilder(ModelProto model, OpenSizes open)
{
    private const int MaxDepth = 16;

    /// <summary>The largest networks have a fifth of this; loops inside loops and functions inside functions could make any number.</summary>
    private const int MaxNodes = 1 << 16;

    /// <summary>Exporters' names are the path of a module; each node of a function has one made of its own.</summary>
    private const int MaxNameLength = 1 << 12;

    private readonly List<Node> _nodes = [];
    private readonly Dictionary<string, TensorProto> _initializers = [];
    private readonly Dictionary<string, Tensor> _constants = [];
    private readonly Dictionary<string, FoldedValue> _folded = [];
    private readonly Dictionary<string, ValueSpec> _values = [];

    private readonly Dictionary<string, ImmutableList<string>> _lists = [];
    private readonly Dictionary<string, List<string>> _readers = [];

    /// <summary>Computed values that are one number throughout, whatever the batch.</summary>
    private readonly Dictionary<string, double> _uniform = [];

    /// <summary>Where the search for a free number goes on: loops ask for the same name at every step.</summary>
    private readonly Dictionary<string, int> _numbers = [];
    private readonly HashSet<string> _given = [];

    /// <summary>Nodes of loops and functions are converted often: each tensor that one holds is read once.</summary>
    private readonly Dictionary<TensorProto, Tensor> _read = new(ReferenceEqualityComparer.Instance);
    private OnnxFunctions _functions = new([]);
    private string? _batchOnes;
    private int _calls;
    private int _depth;
    private int _converted;

    /// <summary>Elements of constants that nodes were computed to, and how many may be: the weights of the file a few times, since each node could double them.</summary>
    private long _computed;
    private long _computable;

    public GraphSpec Build(string name)
    {
        var opset = Opset(model.OpsetImport, 1, what => new ImportFault(what));
        _functions = new(model.Functions);
        _computable = Math.Max(1 << 22, model.CalculateSize());
        foreach (var proto in model.Graph.Node)
            NoteReaders(proto);
        foreach (var initializer in model.Graph.Initializer)
            _initializers[initializer.Name] = initializer;
        var inputs = Inputs();
        foreach (var node in OnnxOrder.Sort(model.Graph, _initializers.Keys, opset))
            Convert(node);
        var outputs = model.Graph.Output.Select(Output).ToList();
        return new GraphSpec(name, inputs, outputs, _nodes, _constants) { Metadata = Metadata() }.RemoveUnused();
    }

    /// <summary>Type and shape of a value that some node or input defines; null for the name of an absent input.</summary>
    public ValueSpec? Value(string name)
    {
        if (name.Length == 0)
            return null;
        if (!_values.ContainsKey(name) && Constant(name) is { } tensor)
            return new(name, tensor.Type, tensor.Shape);
        return _values.GetValueOrDefault(name);
    }

    /// <summary>The tensor behind <paramref name="name"/>, if it is a constant; registers it as one the graph reads.</summary>
    public Tensor? Constant(string name)
    {
        if (_constants.TryGetValue(name, out var known))
            return known;
        if (_initializers.TryGetValue(name, out var initializer))
            return _constants[name] = OnnxTensors.Read(initializer);
        if (_folded.TryGetValue(name, out var folded) && folded.IsConstant)
            return _constants[name] = folded.ToTensor();
        return null;
    }

    /// <summary>A tensor that an attribute holds.</summary>
    public Tensor Read(TensorProto tensor) => _read.TryGetValue(tensor, out var known) ? known : _read[tensor] = OnnxTensors.Read(tensor);

    /// <summary>A small value known at import, possibly in terms of the batch.</summary>
    public FoldedValue? Folded(string name)
    {
        if (_folded.TryGetValue(name, out var folded))
            return folded;
        return Constant(name) is { } tensor ? FoldedValue.TryOf(tensor) : null;
    }

    /// <summary>The number that all elements of a value are; null if they differ or are not known.</summary>
    public double? UniformOf(string name)
    {
        if (_uniform.TryGetValue(name, out var number))
            return number;
        if (Constant(name) is not { Count: > 0 } tensor)
            return null;
        if (tensor.Data is float[] floats)
            return Array.TrueForAll(floats, v => v == floats[0]) ? floats[0] : null;
        return Casting.Integers(tensor) is var whole && Array.TrueForAll(whole, v => v == whole[0]) ? whole[0] : null;
    }

    /// <summary>Every element of <paramref name="name"/> is one of <paramref name="source"/>, as its own type holds it.</summary>
    public void NoteUniform(string name, string source)
    {
        if (UniformOf(source) is { } number && Value(name) is { } value)
            _uniform[name] = value.Type switch
            {
                ElementType.Float32 => number,
                ElementType.Bool => number == 0 ? 0 : 1,
                _ => Math.Truncate(number),
            };
    }

    /// <summary>Scale, zero point and axis of a value that a QuantizeLinear has made.</summary>
    public (string Scale, string Zero, int Axis)? QuantizationOf(string name) =>
        _nodes.FindLast(n => n.Outputs.Contains(name)) is { Op: QuantizeLinear quantize } node ? (node.Inputs[1], node.Inputs[2], quantize.Axis) : null;

    /// <summary>Appends an IR node; its output's shape is inferred at once.</summary>
    public void Emit(string name, Operator op, IReadOnlyList<string> inputs, params string[] outputs)
    {
        foreach (var input in inputs)
            if (input.Length > 0 && Value(input) is null)
                throw new ImportFault(_folded.ContainsKey(input)
                    ? $"node '{name}' ({op.Type}) computes with the batch size, which is not supported; export the model with a fixed batch"
                    : $"node '{name}' ({op.Type}) reads '{ModelImportException.OneLine(input)}', which nothing defines");
        var node = new Node(name, op, inputs, outputs);
        foreach (var value in ShapeInference.Infer(node, Value))
            if (!_values.TryAdd(value.Name, value))
                throw new ImportFault($"node '{name}' ({op.Type}) defines '{ModelImportException.OneLine(value.Name)}' a second time");
        if (IsSmallConstant(node, out var elements) && (_computed += elements) <= _computable)
            foreach (var (result, tensor) in ConstantFolding.Compute(node, _constants))
                _constants[result] = tensor;
        else
            _nodes.Add(node);
    }

    /// <summary>Appends a node that computes a part of what <paramref name="node"/> stands for; returns the value's name.</summary>
    public string EmitTemporary(OnnxNode node, Operator op, params string[] inputs)
    {
        var output = FreshName($"{node.Output(0)}_{op.Type.ToLowerInvariant()}");
        Emit($"{node.Name}_{op.Type}", op, inputs, output);
        return output;
    }

    /// <summary>The nodes of a body in the place of <paramref name="node"/>, with its outputs as the node's.</summary>
    public void Inline(OnnxNode node, GraphProto body)
    {
        var nodes = Open(node, body);
        Nested(node, () =>
        {
            foreach (var inner in nodes)
                Convert(inner);
        });
        for (var i = 0; i < node.Proto.Output.Count; i++)
            Bind(node, i, i < body.Output.Count ? body.Output[i].Name : throw node.Fault($"its branch has {body.Output.Count} outputs"));
    }

    /// <summary>Makes a body's own constants known; returns its nodes in order.</summary>
    public IReadOnlyList<OnnxNode> Open(OnnxNode node, GraphProto body)
    {
        foreach (var initializer in body.Initializer)
            if (!_initializers.TryAdd(initializer.Name, initializer))
                throw node.Fault($"its body defines '{ModelImportException.OneLine(initializer.Name)}' a second time");
        return OnnxOrder.Sort(body, _initializers.Keys.Concat(_values.Keys).Concat(_folded.Keys).Concat(_constants.Keys).Concat(_lists.Keys), node.Opset);
    }

    public void Nested(OnnxNode node, Action convert)
    {
        if (++_depth > MaxDepth)
            throw node.Fault($"is inside {MaxDepth} other bodies, which is not supported");
        convert();
        _depth--;
    }

    /// <summary>Makes <paramref name="value"/> an output of the node.</summary>
    public void Bind(OnnxNode node, int output, string value)
    {
        if (node.Output(output).Length == 0)
            return;
        if (_folded.TryGetValue(value, out var folded))
            _folded[node.Output(output)] = folded;
        else if (_lists.TryGetValue(value, out var list))
            _lists[node.Output(output)] = list;
        else
        {
            Emit(node.Name, new Identity(), [value], node.Output(output));
            NoteUniform(node.Output(output), value);
        }
    }

    /// <summary>The tensors of the sequence that is the node's first input.</summary>
    public ImmutableList<string> ListOf(OnnxNode node) => _lists.TryGetValue(node.Input(0), out var list)
        ? list
        : throw node.Fault($"reads '{ModelImportException.OneLine(node.Input(0))}', which is no sequence of a length that is known at import");

    public void DefineList(OnnxNode node, ImmutableList<string> tensors)
    {
        if (!_lists.TryAdd(node.Output(0), tensors))
            throw node.Fault($"defines '{ModelImportException.OneLine(node.Output(0))}' a second time");
    }

    /// <summary>Type and shape of a value that a converter needs.</summary>
    public ValueSpec ValueOf(OnnxNode node, string name) => Value(name) ?? throw node.Fault(_folded.ContainsKey(name)
        ? "computes with the batch size, which is not supported; export the model with a fixed batch"
        : $"reads '{ModelImportException.OneLine(name)}', which nothing defines");

    /// <summary>Makes known what a node reads, before what it reads is converted.</summary>
    public void NoteReaders(NodeProto node)
    {
        foreach (var name in node.Input.Concat(OnnxBranches.OuterReads(node)))
            NoteReader(name, node.OpType);
    }

    public void NoteReader(string name, string type) => (_readers.TryGetValue(name, out var readers) ? readers : _readers[name] = []).Add(type);

    /// <summary>A number that no other call of a function has.</summary>
    public int NextCall() => _calls++;

    /// <summary>True if the nodes that read a value are of these types, and it is no output.</summary>
    public bool OnlyReadBy(string name, params string[] types) =>
        _readers.GetValueOrDefault(name, []).TrueForAll(types.Contains) && model.Graph.Output.All(o => o.Name != name);

    /// <summary>A 1 for each sample, in float32: whatever the input is, none of its elements is less than itself.</summary>
    public string BatchOnes(OnnxNode node)
    {
        if (_batchOnes is not null)
            return _batchOnes;
        var input = model.Graph.Input.Select(i => _values.GetValueOrDefault(i.Name)).FirstOrDefault(v => v is { Shape: [-1, ..], Type: not ElementType.Bool })
            ?? throw node.Fault("depends on the batch, and no input has one");
        int[] axes = [.. Enumerable.Range(1, input.Shape.Length - 1)];
        var first = axes.Length == 0 ? input.Name : EmitTemporary(node, new StridedSlice(new int[axes.Length], Array.ConvertAll(axes, _ => 1), axes, Array.ConvertAll(axes, _ => 1)), input.Name);
        var flat = EmitTemporary(node, new Reshape([-1]), first);
        var always = EmitTemporary(node, new Not(), EmitTemporary(node, new Less(), flat, flat));
        return _batchOnes = EmitTemporary(node, new Cast(ElementType.Float32), always);
    }

    /// <summary>A constant that the node needs beside its inputs.</summary>
    public string Scalar(OnnxNode node, float value) => AddConstant($"{node.Output(0)}_number", Tensor.Of([value], []));

    /// <summary>Adds a constant under a name of its own and returns the name.</summary>
    public string AddConstant(string name, Tensor tensor)
    {
        name = FreshName(name);
        _constants[name] = tensor;
        return name;
    }

    /// <summary>A name that nothing of the file and nothing emitted so far has.</summary>
    public string FreshName(string name)
    {
        var number = _numbers.GetValueOrDefault(name);
        var fresh = number == 0 ? Bounded(name) : $"{name}_{number}";
        while (_values.ContainsKey(fresh) || _folded.ContainsKey(fresh) || _initializers.ContainsKey(fresh) || _constants.ContainsKey(fresh) || _lists.ContainsKey(fresh) || !_given.Add(fresh))
            fresh = $"{name}_{++number}";
        _numbers[name] = number;
        return fresh;
    }

    /// <summary>A name that is made of one of the file, which could be of any length.</summary>
    public static string Bounded(string name) =>
        name.Length <= MaxNameLength ? name : throw new ImportFault($"has names of more than {MaxNameLength} characters, as '{ModelImportException.OneLine(name)}'");

    /// <summary>True if the node can be computed now and makes no more of its constants than there is in them.</summary>
    private bool IsSmallConstant(Node node, out long elements)
    {
        elements = node.Outputs.Sum(o => ShapeInference.ElementsPerSample(_values[o].Shape));
        if (node.Op is QuantizeLinear or DequantizeLinear || !node.Inputs.All(i => i.Length == 0 || Constant(i) is not null))
            return false;
        var known = node.Inputs.Where(i => i.Length > 0).Sum(i => (long)_constants[i].Count);
        return elements <= Math.Max(FoldedValue.MaxCount, 2 * known);
    }

    /// <summary>A tensor given by an attribute of a Constant node.</summary>
    public void Define(string name, Tensor tensor)
    {
        if (_values.ContainsKey(name) || !_constants.TryAdd(name, tensor))
            throw new ImportFault($"constant '{ModelImportException.OneLine(name)}' is defined twice");
    }

    public void Convert(OnnxNode node)
    {
        if (++_converted > MaxNodes)
            throw node.Fault($"is one of more than {MaxNodes} nodes with all loops and functions written out, which is not supported");
        var domain = node.Proto.Domain is "" or "ai.onnx" ? "" : node.Proto.Domain + ".";
        var isOperator = OnnxOperators.All.TryGetValue(domain + node.Op, out var convert);
        var function = isOperator ? null : _functions.Find(node.Proto) ?? throw Unsupported(node);
        if (node.Proto.Output.All(o => o.Length == 0))
            throw node.Fault("has no output");
        if (function is not null)
        {
            _functions.Inline(node, this, function);
            return;
        }
        if (OnnxFolding.TryFold(node, this) is { } folded)
        {
            _folded[node.Output(0)] = folded;
            return;
        }
        if (node.Opset < 7)
            AlignOperand(node);
        convert!(node, this);
        // Exporters fill the states of all layers at once, and give each layer its part.
        if (node.Op is "Slice" or "Identity" or "Reshape" or "Squeeze" or "Unsqueeze" or "Transpose" or "Expand" or "Cast" && _uniform.ContainsKey(node.Input(0)))
            NoteUniform(node.Output(0), node.Input(0));
    }

    /// <summary>Before opset 7 the second operand's axes begin at the one that the node names, and not so that both end together.</summary>
    private void AlignOperand(OnnxNode node)
    {
        var named = node.Flag("broadcast") && node.Has("axis");
        if (!named && node.Op != "PRelu" || Value(node.Input(0)) is not { } a || Value(node.Input(1)) is not { } b || b.Shape.Length == 0)
            return;
        var behind = a.Shape.Length - OnnxShapes.Axis(node, named ? node.Int("axis", 0) : Math.Min(1, a.Shape.Length - 1), a.Shape.Length) - b.Shape.Length;
        if (behind <= 0 || node.Op == "PRelu" && b.Shape.Length > 1)
            return;
        node.Proto.Input[1] = EmitTemporary(node, new Reshape([.. b.Shape.Select(d => (long)Math.Max(d, -1)), .. Enumerable.Repeat(1L, behind)]), node.Input(1));
    }

    private static ImportFault Unsupported(OnnxNode node)
    {
        var domain = node.Proto.Domain.Length > 0 ? $" of domain '{ModelImportException.OneLine(node.Proto.Domain)}'" : "";
        return node.Fault($"the operator{domain} is not supported; {ImportFault.SeeList}");
    }

    /// <summary>The version of ONNX's own operators that a model or a function names.</summary>
    public static int Opset(IEnumerable<OperatorSetIdProto> imports, long otherwise, Func<string, ImportFault> fault)
    {
        var opset = imports.LastOrDefault(i => i.Domain is "" or "ai.onnx")?.Version ?? otherwise;
        if (opset is < OnnxImporter.OldestOpset or > 1000)
            throw fault($"uses opset {opset}; opset {OnnxImporter.OldestOpset} and up are supported: convert it with the ONNX version converter");
        return (int)opset;
    }

    private List<ValueSpec> Inputs()
    {
        var inputs = new List<ValueSpec>();
        // Before IR version 4, initializers are listed as inputs too.
        foreach (var input in model.Graph.Input.Where(i => !_initializers.ContainsKey(i.Name)))
        {
            var name = ModelImportException.OneLine(input.Name);
            if (input.Type?.TensorType is not { } tensor || OnnxTensors.ComputedTypeOf(tensor.ElemType) is not { } type)
                throw new ImportFault($"input '{name}' is no tensor of a supported type (float, double, float16, bfloat16, uint8, int8, int32, int64, bool)");
            if (tensor.Shape is null)
                throw new ImportFault($"input '{name}' has no shape; export the model with one");
            var spec = new ValueSpec(input.Name, type, [.. tensor.Shape.Dim.Select((d, i) => Dimension(d, i, name))]);
            if (ShapeInference.ElementsPerSample(spec.Shape) > ShapeInference.MaxElements)
                throw new ImportFault($"input '{name}' has the shape [{string.Join(',', spec.Shape)}]; at most {ShapeInference.MaxElements} elements are supported");
            if (!_values.TryAdd(spec.Name, spec))
                throw new ImportFault($"input '{name}' is defined twice");
            inputs.Add(spec);
        }
        return inputs;
    }

    private int Dimension(TensorShapeProto.Types.Dimension dimension, int index, string input)
    {
        if (dimension.ValueCase == TensorShapeProto.Types.Dimension.ValueOneofCase.DimValue && dimension.DimValue > 0)
            return dimension.DimValue <= int.MaxValue
                ? (int)dimension.DimValue
                : throw new ImportFault($"input '{input}' has {dimension.DimValue} elements along axis {index}, which is too large");
        return index == 0 ? -1 : open.Take(input, index, dimension.DimParam);
    }

    private ValueSpec Output(ValueInfoProto output) =>
        Value(output.Name) ?? throw new ImportFault($"output '{ModelImportException.OneLine(output.Name)}' is computed by no node");

    private Dictionary<string, string> Metadata()
    {
        var metadata = new Dictionary<string, string>();
        foreach (var entry in model.MetadataProps)
            metadata[entry.Key] = entry.Value;
        if (model.ProducerName.Length > 0)
            metadata["producer"] = $"{model.ProducerName} {model.ProducerVersion}".TrimEnd();
        return metadata;
    }
}

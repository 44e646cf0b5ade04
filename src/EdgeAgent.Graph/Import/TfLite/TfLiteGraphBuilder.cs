using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;

namespace EdgeAgent.Graph.Import.TfLite;

/// <summary>
/// Walks the operators of a file in order (the format requires it to be an order of execution) and hands each to its
/// converter in <see cref="TfLiteOperators"/>, which asks here for its operands and appends IR nodes. Every tensor of the
/// file can be seen in two ways: as it is stored, and as the real numbers that it stands for; operators compute with the
/// latter, so that a quantized model becomes DequantizeLinear, operator, QuantizeLinear.
/// </summary>
internal sealed class TfLiteGraphBuilder
{
    private static readonly int[] ToNchw = [0, 3, 1, 2];
    private static readonly int[] ToNhwc = [0, 2, 3, 1];

    /// <summary>The largest networks have a tenth of this; loops in loops could make any number.</summary>
    private const int MaxOperators = 1 << 16, MaxCallDepth = 16;

    /// <summary>Operands and numbers of constants that called subgraphs may compute with at import: what a loop does, it does at every step.</summary>
    private const long MaxOperands = 1 << 20, MaxFolded = 1 << 25;

    /// <summary>Of names in called subgraphs, which every call gives anew.</summary>
    private const int LongestName = 64;

    private readonly TfLiteModel _model;
    private readonly OpenSizes _open;
    /// <summary>Constants that were asked for, of each subgraph: one that is called again has the same.</summary>
    private readonly Dictionary<int, string?[]> _constantsOf = [];

    /// <summary>The same of weights in the layouts and numbers that layers want.</summary>
    private readonly Dictionary<(TfLiteTensor Tensor, string Layout), string> _weights = [];

    private readonly Dictionary<string, string> _shared = [];

    /// <summary>Values channels last, and channels first what they were made of.</summary>
    private readonly Dictionary<string, string> _planar = [];
    private readonly Dictionary<string, int> _taken = [];
    private readonly List<Node> _nodes = [];
    private readonly Dictionary<string, Tensor> _constants = [];
    private readonly Dictionary<string, ValueSpec> _values = [];
    private TfLiteScope _scope;
    private int _depth, _operators, _before;
    private long _operands, _folded;

    public TfLiteGraphBuilder(TfLiteModel model, OpenSizes open)
    {
        (_model, _open) = (model, open);
        _scope = Scope(0);
        // What is made in between must not take the names of the file.
        for (var i = 0; i < _scope.Subgraph.Tensors.Count; i++)
            _scope.NameOf(i);
    }

    public GraphSpec Build(string name)
    {
        var inputs = _scope.Subgraph.Inputs.Select(Input).ToList();
        Walk();
        var outputs = _scope.Subgraph.Outputs.Select(Output).ToList();
        return new GraphSpec(name, inputs, outputs, _nodes, _constants) { Metadata = _model.Metadata }.RemoveUnused();
    }

    public TfLiteBlocks Blocks => _scope.Blocks;

    public TfLiteLists Lists { get; } = new();

    public TfLiteVariables Variables { get; } = new();

    /// <summary>Whether it has parts that are called, and perhaps again and again.</summary>
    public bool HasCalls => _model.Subgraphs.Count > 1;

    /// <summary>What a subgraph makes of <paramref name="arguments"/>.</summary>
    public string[] Call(TfLiteNode node, int subgraph, IReadOnlyList<string> arguments)
    {
        if (subgraph < 1 || subgraph >= _model.Subgraphs.Count)
            throw node.Fault($"calls subgraph {subgraph}, of {_model.Subgraphs.Count}");
        if (_depth == MaxCallDepth)
            throw node.Fault($"is a call inside {MaxCallDepth} others, which is not supported");
        var caller = _scope;
        _scope = Scope(subgraph);
        _depth++;
        try
        {
            var called = _scope.Subgraph;
            if (called.Inputs.Count != arguments.Count)
                throw node.Fault($"passes {arguments.Count} values to subgraph {subgraph}, which has {called.Inputs.Count} inputs");
            foreach (var (index, argument) in called.Inputs.Zip(arguments))
                (_scope.Stored[index], _scope.Real[index]) = (true, argument);
            Walk();
            return [.. called.Outputs.Select(o => ValueOf(node, o))];
        }
        finally
        {
            _scope = caller;
            _depth--;
        }
    }

    private TfLiteScope Scope(int subgraph)
    {
        var graph = _model.Subgraphs[subgraph].Value;
        if (!_constantsOf.TryGetValue(subgraph, out var constants))
            _constantsOf[subgraph] = constants = new string?[graph.Tensors.Count];
        return new(graph, constants, tensor =>
        {
            var name = graph.Tensors[tensor].Name;
            return Fresh(name.Length == 0 ? $"tensor{tensor}" : subgraph == 0 || name.Length <= LongestName ? name : name[..LongestName]);
        });
    }

    private void Walk()
    {
        foreach (var node in _scope.Subgraph.Operators)
        {
            if (!TfLiteOperators.All.TryGetValue(node.Op, out var convert))
                throw node.Fault(ImportFault.UnsupportedOperator);
            if (++_operators > MaxOperators)
                throw node.Fault($"is one of more than {MaxOperators} operators with all loops written out, which is not supported");
            _before = _nodes.Count;
            convert(node, this);
        }
    }

    /// <summary>Shape of a value that was asked for or emitted here.</summary>
    public int[] Shape(string value) => _values[value].Shape;

    public ElementType Type(string value) => _values[value].Type;

    /// <summary>The tensor behind a value that is known at import.</summary>
    public Tensor? Constant(string value) => _constants.GetValueOrDefault(value);

    /// <summary>The real numbers of input <paramref name="input"/>, in the file's order of axes.</summary>
    public string Real(TfLiteNode node, int input) => Lists.Whole(node, this, Value(node, input));

    /// <summary>The same where a list may stay in its parts (<see cref="TfLiteLists"/>).</summary>
    public string Value(TfLiteNode node, int input) => ValueOf(node, node.InputIndex(input));

    private string ValueOf(TfLiteNode node, int index)
    {
        if (_scope.Real[index] is { } known)
            return known;
        var tensor = _scope.Subgraph.Tensors[index];
        // A constant without elements, such as the shape of a single number, has no data to be told by.
        if (tensor.IsConstant || !_scope.Stored[index] && tensor.Shape.Contains(0))
        {
            if (_scope.Constants[index] is { } read)
                return _scope.Real[index] = read;
            var stored = TfLiteTensors.Read(tensor, _model.File);
            var quantized = tensor.Quantization is not null && (tensor.Type is TfLiteType.Int8 or TfLiteType.UInt8 or TfLiteType.Int16);
            return _scope.Real[index] = _scope.Constants[index] = Constant(_scope.NameOf(index), quantized ? TfLiteTensors.Dequantized(tensor, stored) : stored);
        }
        if (!_scope.Stored[index])
            throw node.Fault($"reads '{ModelImportException.OneLine(tensor.Name)}', which no operator before it defines");
        return _scope.Real[index] = tensor.IsQuantized ? Dequantize(node, _scope.NameOf(index), tensor.Quantization!) : _scope.NameOf(index);
    }

    /// <summary>The same with channels second: [N, C, H, W].</summary>
    public string RealNchw(TfLiteNode node, int input)
    {
        var value = Real(node, input);
        return Shape(value).Length == 4 ? Nchw(node, value) : throw node.Fault($"input {input} has the shape [{string.Join(',', Shape(value))}]; an image is expected");
    }

    public string Nchw(TfLiteNode node, string value) => _planar.TryGetValue(value, out var source) ? source : Emit(node, new Transpose(ToNchw), value);

    /// <summary>Back to the file's order of axes.</summary>
    public string Nhwc(TfLiteNode node, string value)
    {
        var turned = Emit(node, new Transpose(ToNhwc), value);
        _planar[turned] = value;
        return turned;
    }

    /// <summary>
    /// Constant weights or biases with their axes permuted: integers behind a DequantizeLinear where the operator computes
    /// in integers, real numbers otherwise (float models, and those with dynamically quantized activations).
    /// </summary>
    public string Weights(TfLiteNode node, int input, params int[] permutation)
    {
        var tensor = node.Input(input);
        if (!tensor.IsConstant || !HasCalls)
            return ReadWeights(node, input, permutation);
        // The step of a loop has the weights of the step before.
        var key = (tensor, $"{string.Join(',', permutation)} {node.Input(0).Type} {node.Input(0).IsQuantized}");
        return _weights.TryGetValue(key, out var known) ? known : _weights[key] = ReadWeights(node, input, permutation);
    }

    private string ReadWeights(TfLiteNode node, int input, int[] permutation)
    {
        var tensor = node.Input(input);
        if (!tensor.IsConstant)
            return permutation.Length == 0 ? Real(node, input) : Emit(node, new Transpose(permutation), Real(node, input));
        if (node.Input(0).Type == TfLiteType.Int16 && tensor.Type is TfLiteType.Int32 or TfLiteType.Int64 && tensor.Quantization is not null)
            return Constant(Fresh(tensor.Name + "_real"), TfLiteTensors.Dequantized(tensor, TfLiteTensors.Read(tensor, _model.File)));
        var integers = node.Input(0).IsQuantized && !node.Input(0).IsConstant && tensor.Type is TfLiteType.Int8 or TfLiteType.UInt8 or TfLiteType.Int32;
        if (!integers)
            return permutation.Length == 0 ? Real(node, input) : Emit(node, new Transpose(permutation), Real(node, input));
        if (tensor.Quantization is not { } quantization)
            throw node.Fault($"input {input} has no scale, though the operator computes in integers");
        TfLiteTensors.CheckAxis(tensor, quantization);
        var stored = TfLiteTensors.Read(tensor, _model.File);
        var name = Constant(Fresh(tensor.Name + "_stored"), stored);
        if (permutation.Length > 0)
            name = Emit(node, new Transpose(permutation), name);
        var axis = permutation.Length == 0 ? quantization.Axis : Array.IndexOf(permutation, quantization.Axis);
        return Dequantize(node, name, quantization, Math.Max(axis, 0));
    }

    /// <summary>Constant integers that are structure: axes, shapes, pads.</summary>
    public int[] Ints(TfLiteNode node, int input)
    {
        var tensor = Constant(Real(node, input));
        return tensor?.Data switch
        {
            int[] values => values,
            long[] values => Array.ConvertAll(values, v => (int)Math.Clamp(v, int.MinValue, int.MaxValue)),
            _ => throw node.Fault($"input {input} must be constant integers"),
        };
    }

    /// <summary>Appends an IR node and returns the value it makes; what depends on constants only is computed at once.</summary>
    public string Emit(TfLiteNode node, Operator op, params string[] inputs) => Emit(node, op, inputs, 1)[0];

    /// <summary>The same for an operator with <paramref name="outputs"/> results.</summary>
    public string[] Emit(TfLiteNode node, Operator op, string[] inputs, int outputs)
    {
        var made = Enumerable.Range(0, outputs).Select(_ => Fresh($"{NameFor(node)}_{op.Type.ToLowerInvariant()}")).ToArray();
        var emitted = new Node(made[0], op, inputs, made);
        Count(node, inputs.Length, 0);
        ValueSpec[] specs;
        try
        {
            specs = ShapeInference.Infer(emitted, n => _values.GetValueOrDefault(n));
        }
        catch (InvalidGraphException fault)
        {
            throw node.Fault(fault.Message);
        }
        foreach (var spec in specs)
            _values[spec.Name] = spec;
        if (op is not (QuantizeLinear or DequantizeLinear) && inputs.All(i => i.Length == 0 || _constants.ContainsKey(i)) && IsSmall(specs, inputs))
        {
            Count(node, 0, specs.Sum(v => ShapeInference.ElementsPerSample(v.Shape)) + inputs.Where(i => i.Length > 0).Sum(i => (long)_constants[i].Count));
            foreach (var (name, tensor) in Computed(node, emitted))
                _constants[name] = tensor;
        }
        else
            _nodes.Add(emitted);
        return made;
    }

    /// <summary>What is made for a node is called after its output; for one that has none, or has called this subgraph, after what it does.</summary>
    private string NameFor(TfLiteNode node) => node.Outputs is [var first, ..] && node.IsOf(_scope.Subgraph.Tensors) ? _scope.NameOf(first) : node.Op.ToLowerInvariant();

    /// <summary>Accounts for what is computed and made in called subgraphs.</summary>
    private void Count(TfLiteNode node, int operands, long folded)
    {
        if (_depth > 0 && ((_operands += operands) > MaxOperands || (_folded += folded) > MaxFolded))
            throw node.Fault($"with all loops written out there are more than {MaxOperands} operands, or more than {MaxFolded} numbers are computed from constants, which is not supported");
    }

    private IReadOnlyDictionary<string, Tensor> Computed(TfLiteNode node, Node emitted)
    {
        try
        {
            return ConstantFolding.Compute(emitted, _constants);
        }
        catch (Exception fault) when (fault is ArgumentException or InvalidGraphException)
        {
            throw node.Fault(fault.Message);
        }
    }

    /// <summary>Makes a value known that no node computes.</summary>
    public string Declare(TfLiteNode node, string what, ElementType type, int[] shape)
    {
        var name = Fresh($"{NameFor(node)}_{what}");
        _values[name] = new(name, type, shape);
        return name;
    }

    /// <summary>A constant under a new name.</summary>
    public string Constant(string name, Tensor tensor)
    {
        _constants[name] = tensor;
        _values[name] = new(name, tensor.Type, tensor.Shape);
        return name;
    }

    /// <summary>A constant that all nodes share that ask for it by the same key.</summary>
    public string SharedConstant(string key, Func<Tensor> make)
    {
        if (!_shared.TryGetValue(key, out var name))
            _shared[key] = name = Constant(Fresh(key), make());
        return name;
    }

    public string NewConstant(TfLiteNode node, string what, Tensor tensor) => Constant(Fresh($"{NameFor(node)}_{what}"), tensor);

    /// <summary>Makes the values that were passed through a call the node's outputs.</summary>
    public void Pass(TfLiteNode node, IReadOnlyList<string> values)
    {
        if (values.Count != node.Outputs.Length)
            throw node.Fault($"has {node.Outputs.Length} outputs, and what it calls {values.Count}");
        _before = _nodes.Count;
        for (var i = 0; i < values.Count; i++)
            Define(node, values[i], i);
    }

    /// <summary>Makes <paramref name="value"/> the node's output: quantized, if the file's tensor is.</summary>
    public void Define(TfLiteNode node, string value, int output = 0)
    {
        var index = node.OutputIndex(output);
        var tensor = _scope.Subgraph.Tensors[index];
        if (_scope.Stored[index] || tensor.IsConstant)
            throw node.Fault($"defines '{ModelImportException.OneLine(tensor.Name)}' a second time");
        _scope.Stored[index] = true;
        if (tensor.IsQuantized && Type(value) == ElementType.Float32)
            Quantize(node, Lists.Whole(node, this, value), index);
        // Where there are calls, what this node has not made may be known elsewhere by the name that it has.
        else if (_nodes.Count > (HasCalls ? _before : 0) && _nodes[^1].Outputs.Contains(value))
            Rename(value, index, [.. node.Inputs.Where(i => i >= 0)]);
        else
            _scope.Real[index] = value;
    }

    /// <summary>
    /// <paramref name="value"/> in the quantization of the node's output, where that is quantized: integers that further
    /// operators of the same node only move.
    /// </summary>
    public string Pinned(TfLiteNode node, string value)
    {
        if (!node.Output(0).IsQuantized)
            return value;
        var quantization = node.Output(0).Quantization!;
        var (scale, zero) = Parameters(node, quantization, TfLiteTensors.TypeOf(node.Output(0).Type)!.Value);
        return Dequantize(node, Emit(node, new QuantizeLinear(0, TiesAwayFromZero: true), value, scale, zero), quantization);
    }

    private void Quantize(TfLiteNode node, string value, int index)
    {
        var tensor = _scope.Subgraph.Tensors[index];
        var (scale, zero) = Parameters(node, tensor.Quantization!, TfLiteTensors.TypeOf(tensor.Type)!.Value);
        Rename(Emit(node, new QuantizeLinear(0, TiesAwayFromZero: true), value, scale, zero), index);
        // The real numbers are asked for through DequantizeLinear.
        _scope.Real[index] = null;
    }

    private string Dequantize(TfLiteNode node, string stored, TfLiteQuantization quantization, int axis = 0)
    {
        var (scale, zero) = Parameters(node, quantization, Type(stored));
        return Emit(node, new DequantizeLinear(axis), stored, scale, zero);
    }

    private (string Scale, string Zero) Parameters(TfLiteNode node, TfLiteQuantization quantization, ElementType type) =>
        (NewConstant(node, "scale", TfLiteTensors.Scales(quantization)), NewConstant(node, "zero", TfLiteTensors.Zeros(quantization, type)));

    /// <summary>Gives the last node's result the name of the file's tensor.</summary>
    private void Rename(string value, int index, params ReadOnlySpan<int> inputs)
    {
        var last = _nodes[^1];
        _nodes[^1] = last with { Name = last.Outputs.Count == 1 ? _scope.NameOf(index) : last.Name, Outputs = [.. last.Outputs.Select(o => o == value ? _scope.NameOf(index) : o)] };
        _values[_scope.NameOf(index)] = _values[value] with { Name = _scope.NameOf(index) };
        _scope.Real[index] = _scope.NameOf(index);
        Lists.Rename(value, _scope.NameOf(index));
        if (_planar.Remove(value, out var planar))
            _planar[_scope.NameOf(index)] = planar;
        // What a DEQUANTIZE makes are the real numbers of its input too.
        foreach (var input in inputs)
            if (_scope.Real[input] == value)
                _scope.Real[input] = _scope.NameOf(index);
    }

    private ValueSpec Input(int index)
    {
        var tensor = _scope.Subgraph.Tensors[index];
        var name = ModelImportException.OneLine(tensor.Name);
        var type = TfLiteTensors.TypeOf(tensor.Type) ?? throw new ImportFault($"input '{name}' is of type {tensor.Type}, which is not supported");
        if (tensor.IsConstant || _scope.Stored[index])
            throw new ImportFault($"input '{name}' is defined twice");
        // An open axis is written as 1; the signature tells it from one that is.
        int[] shape = [.. tensor.Shape.Select((d, axis) => axis > 0 && axis < tensor.Signature.Length && tensor.Signature[axis] < 0 ? _open.Take(name, axis) : d)];
        if (shape.Any(d => d < 1) || ShapeInference.ElementsPerSample(shape) > ShapeInference.MaxElements)
            throw new ImportFault($"input '{name}' has the shape [{string.Join(',', shape)}]; between 1 and {ShapeInference.MaxElements} elements are supported");
        _scope.Stored[index] = true;
        return _values[_scope.NameOf(index)] = new(_scope.NameOf(index), type, shape);
    }

    private ValueSpec Output(int index)
    {
        var tensor = _scope.Subgraph.Tensors[index];
        if (!_scope.Stored[index])
            throw new ImportFault($"output '{ModelImportException.OneLine(tensor.Name)}' is computed by no operator");
        // Where an operator has passed its input on, the output has no node of its own yet.
        if (!_values.ContainsKey(_scope.NameOf(index)))
        {
            var value = _scope.Subgraph.Operators is [.., var last] ? Lists.Whole(last, this, _scope.Real[index]!) : _scope.Real[index]!;
            _nodes.Add(new(_scope.NameOf(index), new Identity(), [value], [_scope.NameOf(index)]));
            _values[_scope.NameOf(index)] = _values[value] with { Name = _scope.NameOf(index) };
        }
        return _values[_scope.NameOf(index)];
    }

    /// <summary>Folding must not make more of a file than there is in it.</summary>
    private bool IsSmall(ValueSpec[] results, string[] inputs)
    {
        const long always = 1 << 12;
        var known = inputs.Where(i => i.Length > 0).Sum(i => (long)_constants[i].Count);
        return results.Sum(r => ShapeInference.ElementsPerSample(r.Shape)) <= Math.Max(always, 2 * known);
    }

    private string Fresh(string wanted)
    {
        var name = wanted;
        while (!_taken.TryAdd(name, 1))
            name = $"{wanted}_{++_taken[wanted]}";
        return name;
    }
}

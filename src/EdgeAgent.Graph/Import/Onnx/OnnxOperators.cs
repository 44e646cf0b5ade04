using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>
/// One converter per ONNX operator: reads attributes and constant inputs under the definition of the model's opset and
/// emits the IR nodes.
/// </summary>
internal static class OnnxOperators
{
    public delegate void Converter(OnnxNode node, OnnxGraphBuilder graph);

    public static readonly IReadOnlyDictionary<string, Converter> All = new Dictionary<string, Converter>
    {
        ["Add"] = (n, g) => Emit(n, g, new Add(), 2),
        ["AveragePool"] = AveragePool,
        ["BatchNormalization"] = BatchNormalization,
        ["Cast"] = Cast,
        ["Clip"] = Clip,
        ["Concat"] = (n, g) => Emit(n, g, new Concat(OnnxShapes.Axis(n, n.Int("axis", 0), Shape(n, g, 0).Length)), n.Proto.Input.Count),
        ["Constant"] = Constant,
        ["ConstantOfShape"] = NotFolded,
        ["Conv"] = Conv,
        ["DequantizeLinear"] = DequantizeLinear,
        ["Div"] = (n, g) => Emit(n, g, new Div(), 2),
        ["Dropout"] = Dropout,
        ["Flatten"] = (n, g) => Emit(n, g, new Flatten(n.SmallInt("axis", 1)), 1),
        ["Gather"] = NotFolded,
        ["Gemm"] = Gemm,
        ["GlobalAveragePool"] = (n, g) => Emit(n, g, new GlobalAveragePool(), 1),
        ["GlobalMaxPool"] = (n, g) => Emit(n, g, new GlobalMaxPool(), 1),
        ["HardSigmoid"] = (n, g) => Emit(n, g, new HardSigmoid(n.Float("alpha", 0.2f), n.Float("beta", 0.5f)), 1),
        ["HardSwish"] = (n, g) => Emit(n, g, new HardSwish(), 1),
        ["Identity"] = (n, g) => Emit(n, g, new Identity(), 1),
        ["LeakyRelu"] = (n, g) => Emit(n, g, new LeakyRelu(n.Float("alpha", 0.01f)), 1),
        ["MatMul"] = (n, g) => Emit(n, g, new MatMul(), 2),
        ["MaxPool"] = MaxPool,
        ["Mul"] = (n, g) => Emit(n, g, new Mul(), 2),
        ["Pad"] = Pad,
        ["QuantizeLinear"] = QuantizeLinear,
        ["Range"] = NotFolded,
        ["ReduceMean"] = ReduceMean,
        ["Relu"] = (n, g) => Emit(n, g, new Relu(), 1),
        ["Reshape"] = Reshape,
        ["Shape"] = NotFolded,
        ["Sigmoid"] = (n, g) => Emit(n, g, new Sigmoid(), 1),
        ["Size"] = NotFolded,
        ["Slice"] = NotFolded,
        ["Softmax"] = Softmax,
        ["Squeeze"] = Squeeze,
        ["Sub"] = (n, g) => Emit(n, g, new Sub(), 2),
        ["Tanh"] = (n, g) => Emit(n, g, new Tanh(), 1),
        ["Transpose"] = (n, g) => Emit(n, g, new Transpose(n.SmallInts("perm") ?? [.. Enumerable.Range(0, Shape(n, g, 0).Length).Reverse()]), 1),
        ["Unsqueeze"] = Squeeze,
    };

    /// <summary>Names for the error that refuses an operator, and for the README.</summary>
    public static IEnumerable<string> Supported =>
        All.Keys.Order(StringComparer.Ordinal).Select(op => OnnxFolding.OnlyFolded.Contains(op) ? $"{op} (of constants and shapes)" : op);

    private static void Conv(OnnxNode node, OnnxGraphBuilder graph)
    {
        var weights = Shape(node, graph, 1);
        if (weights.Length is not (3 or 4))
            throw node.Fault($"has weights of rank {weights.Length}; 1-D and 2-D convolutions are supported");
        var window = OnnxShapes.Window(node, Shape(node, graph, 0), node.SmallInts("kernel_shape") ?? weights[2..]);
        Emit(node, graph, new Conv(window, node.SmallInt("group", 1)), 3);
    }

    private static void Gemm(OnnxNode node, OnnxGraphBuilder graph) =>
        Emit(node, graph, new Gemm(node.Float("alpha", 1), node.Float("beta", 1), node.Flag("transA"), node.Flag("transB")), 3);

    private static void BatchNormalization(OnnxNode node, OnnxGraphBuilder graph)
    {
        if (node.Flag("training_mode") || node.Int("spatial", 1) != 1)
            throw node.Fault("is in training mode or not per channel; export the model for inference");
        Emit(node, graph, new BatchNormalization(node.Float("epsilon", 1e-5f)), 5);
    }

    private static void Clip(OnnxNode node, OnnxGraphBuilder graph)
    {
        var (min, max) = node.Opset < 11
            ? (node.Float("min", float.MinValue), node.Float("max", float.MaxValue))
            : (Scalar(node, graph, 1, float.MinValue), Scalar(node, graph, 2, float.MaxValue));
        Emit(node, graph, new Clip(min, max), 1);
    }

    private static void MaxPool(OnnxNode node, OnnxGraphBuilder graph)
    {
        if (node.Output(1).Length > 0)
            throw node.Fault("its second output (indices) is not supported");
        Emit(node, graph, new MaxPool(PoolWindow(node, graph), node.Flag("ceil_mode")), 1);
    }

    private static void AveragePool(OnnxNode node, OnnxGraphBuilder graph) =>
        Emit(node, graph, new AveragePool(PoolWindow(node, graph), node.Flag("ceil_mode"), node.Flag("count_include_pad")), 1);

    private static Window PoolWindow(OnnxNode node, OnnxGraphBuilder graph) =>
        OnnxShapes.Window(node, Shape(node, graph, 0), node.SmallInts("kernel_shape") ?? throw node.Fault("has no kernel_shape"));

    private static void ReduceMean(OnnxNode node, OnnxGraphBuilder graph)
    {
        var rank = Shape(node, graph, 0).Length;
        var axes = node.Ints("axes") ?? (node.Input(1).Length > 0 ? Longs(node, graph, 1) : []);
        if (axes.Length == 0 && node.Flag("noop_with_empty_axes"))
        {
            Emit(node, graph, new Identity(), 1);
            return;
        }
        int[] reduced = axes.Length > 0
            ? [.. axes.Select(a => OnnxShapes.Axis(node, a, rank)).Distinct().Order()]
            : [.. Enumerable.Range(0, rank)];
        Emit(node, graph, new ReduceMean(reduced, node.Int("keepdims", 1) != 0), 1);
    }

    private static void Reshape(OnnxNode node, OnnxGraphBuilder graph)
    {
        var from = Shape(node, graph, 0);
        var target = graph.Folded(node.Input(1)) ?? throw node.Fault("its target shape is not known at import");
        if (node.Flag("allowzero") && Array.Exists(target.Numbers, n => n is { Value: 0, PerBatch: 0 }))
            throw node.Fault("makes an empty tensor, which is not supported");
        var op = target.IsConstant
            ? new Reshape(Array.ConvertAll(target.Numbers, n => (long)n.Value))
            : OnnxShapes.ReshapeTo(node, from, OnnxShapes.Resolved(node, from, target.Numbers));
        Emit(node, graph, op, 1);
    }

    private static void Squeeze(OnnxNode node, OnnxGraphBuilder graph)
    {
        var from = Shape(node, graph, 0);
        var axes = node.Ints("axes") ?? (node.Input(1).Length > 0 ? Longs(node, graph, 1) : null);
        Emit(node, graph, OnnxShapes.ReshapeTo(node, from, OnnxShapes.Squeezed(node, from, axes)), 1);
    }

    private static void Pad(OnnxNode node, OnnxGraphBuilder graph)
    {
        var mode = node.String("mode", "constant");
        if (mode != "constant")
            throw node.Fault($"mode '{ModelImportException.OneLine(mode)}' is not supported, only 'constant'");
        var rank = Shape(node, graph, 0).Length;
        var given = node.Opset < 11
            ? node.SmallInts("pads") ?? throw node.Fault("has no pads")
            : node.Narrow(Longs(node, graph, 1), "pads");
        var value = node.Opset < 11 ? node.Float("value", 0) : Scalar(node, graph, 2, 0);
        int[] axes = node.Input(3).Length > 0
            ? [.. Longs(node, graph, 3).Select(a => OnnxShapes.Axis(node, a, rank))]
            : [.. Enumerable.Range(0, rank)];
        if (given.Length != 2 * axes.Length)
            throw node.Fault($"{given.Length} pads do not fit {axes.Length} axes");
        var pads = new int[2 * rank];
        for (var i = 0; i < axes.Length; i++)
            (pads[axes[i]], pads[axes[i] + rank]) = (given[i], given[i + axes.Length]);
        Emit(node, graph, new Pad(pads, value), 1);
    }

    private static void Softmax(OnnxNode node, OnnxGraphBuilder graph)
    {
        var shape = Shape(node, graph, 0);
        var axis = OnnxShapes.Axis(node, node.Int("axis", node.Opset < 13 ? 1 : -1), shape.Length);
        if (node.Opset >= 13 || axis == shape.Length - 1)
        {
            Emit(node, graph, new Softmax(axis), 1);
            return;
        }
        // Before opset 13 the operator sees a matrix: everything from the axis on is one row.
        var (flat, soft) = ($"{node.Output(0)}_flat", $"{node.Output(0)}_soft");
        graph.Emit(node.Name + "_flatten", new Flatten(axis), [node.Input(0)], flat);
        graph.Emit(node.Name, new Softmax(1), [flat], soft);
        graph.Emit(node.Name + "_unflatten", OnnxShapes.ReshapeTo(node, graph.Value(soft)!.Shape, shape), [soft], node.Output(0));
    }

    private static void Dropout(OnnxNode node, OnnxGraphBuilder graph)
    {
        if (node.Input(2).Length > 0 && Scalar(node, graph, 2, 0) != 0)
            throw node.Fault("is in training mode; export the model for inference");
        Emit(node, graph, new Identity(), 1);
    }

    private static void Cast(OnnxNode node, OnnxGraphBuilder graph)
    {
        if (graph.Value(node.Input(0)) is not { } value || OnnxTensors.TypeOf(node.SmallInt("to", 0)) != value.Type)
            NotFolded(node, graph);
        Emit(node, graph, new Identity(), 1);
    }

    private static void Constant(OnnxNode node, OnnxGraphBuilder graph)
    {
        var tensor = node.Tensor("value");
        if (tensor is null && node.Has("value_float"))
            tensor = Tensor.Of([node.Float("value_float", 0)]);
        if (tensor is null && node.Has("value_int"))
            tensor = Tensor.Of([node.Int("value_int", 0)]);
        if (tensor is null && node.Floats("value_floats") is { } floats)
            tensor = Tensor.Of(floats, floats.Length);
        if (tensor is null && node.Ints("value_ints") is { } ints)
            tensor = Tensor.Of(ints, ints.Length);
        graph.Define(node.Output(0), tensor ?? throw node.Fault("holds no number (value, value_float, value_floats, value_int, value_ints)"));
    }

    private static void QuantizeLinear(OnnxNode node, OnnxGraphBuilder graph)
    {
        RefuseBlocks(node);
        var zero = node.Input(2);
        if (zero.Length == 0)
        {
            var type = OnnxTensors.TypeOf(node.SmallInt("output_dtype", (int)TensorProto.Types.DataType.Uint8));
            zero = ZeroPoint(node, graph, type ?? throw node.Fault("output_dtype is not supported"));
        }
        graph.Emit(node.Name, new QuantizeLinear(node.SmallInt("axis", 1)), [node.Input(0), node.Input(1), zero], node.Output(0));
    }

    private static void DequantizeLinear(OnnxNode node, OnnxGraphBuilder graph)
    {
        RefuseBlocks(node);
        var zero = node.Input(2);
        if (zero.Length == 0)
            zero = ZeroPoint(node, graph, (graph.Value(node.Input(0)) ?? throw node.Fault("input 0 is missing")).Type);
        graph.Emit(node.Name, new DequantizeLinear(node.SmallInt("axis", 1)), [node.Input(0), node.Input(1), zero], node.Output(0));
    }

    private static string ZeroPoint(OnnxNode node, OnnxGraphBuilder graph, ElementType type)
    {
        var shape = Shape(node, graph, 1);
        if (ShapeInference.ElementsPerSample(shape) > 1 << 20)
            throw node.Fault("has an absurd number of scales");
        var count = (int)ShapeInference.ElementsPerSample(shape);
        var zeros = type switch
        {
            ElementType.UInt8 => Tensor.Of(new byte[count], shape),
            ElementType.Int8 => Tensor.Of(new sbyte[count], shape),
            ElementType.Int32 => Tensor.Of(new int[count], shape),
            _ => throw node.Fault($"quantized type {type} is not supported"),
        };
        return graph.AddConstant(node.Output(0) + "_zero", zeros);
    }

    private static void RefuseBlocks(OnnxNode node)
    {
        if (node.Int("block_size", 0) != 0)
            throw node.Fault("block quantization is not supported, only per tensor and per axis");
    }

    private static void NotFolded(OnnxNode node, OnnxGraphBuilder graph) =>
        throw node.Fault("is supported only on constants and shapes, and reads computed data here");

    private static void Emit(OnnxNode node, OnnxGraphBuilder graph, Operator op, int inputs)
    {
        var names = Enumerable.Range(0, inputs).Select(node.Input).ToList();
        while (names.Count > 0 && names[^1].Length == 0)
            names.RemoveAt(names.Count - 1);
        graph.Emit(node.Name, op, names, node.Output(0));
    }

    private static int[] Shape(OnnxNode node, OnnxGraphBuilder graph, int input) =>
        (graph.Value(node.Input(input)) ?? throw node.Fault($"input {input} is missing or has no known shape")).Shape;

    private static float Scalar(OnnxNode node, OnnxGraphBuilder graph, int input, float otherwise)
    {
        if (node.Input(input).Length == 0)
            return otherwise;
        return graph.Folded(node.Input(input)) is { IsConstant: true, Numbers: [var number] }
            ? (float)number.Value
            : throw node.Fault($"input {input} must be a constant number");
    }

    private static long[] Longs(OnnxNode node, OnnxGraphBuilder graph, int input) =>
        graph.Folded(node.Input(input)) is { IsConstant: true } value
            ? Array.ConvertAll(value.Numbers, n => (long)n.Value)
            : throw node.Fault($"input {input} must be a constant");
}

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
        ["Abs"] = (n, g) => Emit(n, g, new Abs(), 1),
        ["And"] = (n, g) => Emit(n, g, new And(), 2),
        ["ArgMax"] = OnnxReductions.ArgMax,
        ["ArgMin"] = OnnxReductions.ArgMin,
        ["Attention"] = OnnxProducts.Attention,
        ["CastLike"] = CastLike,
        ["Ceil"] = (n, g) => Emit(n, g, new Ceil(), 1),
        ["Celu"] = OnnxActivations.Celu,
        ["Cos"] = (n, g) => Emit(n, g, new Cos(), 1),
        ["CumSum"] = OnnxPositions.CumSum,
        ["DepthToSpace"] = OnnxMovement.DepthToSpace,
        ["Einsum"] = OnnxProducts.Einsum,
        ["Elu"] = (n, g) => Emit(n, g, new Elu(n.Float("alpha", 1)), 1),
        ["Equal"] = (n, g) => Emit(n, g, new Equal(), 2),
        ["Erf"] = (n, g) => Emit(n, g, new Erf(), 1),
        ["Exp"] = (n, g) => Emit(n, g, new Exp(), 1),
        ["Expand"] = OnnxMovement.Expand,
        ["Floor"] = (n, g) => Emit(n, g, new Floor(), 1),
        ["DynamicQuantizeLinear"] = OnnxIntegers.DynamicQuantize,
        ["ConcatFromSequence"] = OnnxLists.Concat,
        ["ConvInteger"] = OnnxIntegers.Convolution,
        ["GRU"] = OnnxSequences.Gru,
        ["Gelu"] = OnnxActivations.Gelu,
        ["Greater"] = (n, g) => Emit(n, g, new Greater(), 2),
        ["GreaterOrEqual"] = (n, g) => Emit(n, g, new GreaterOrEqual(), 2),
        ["GroupNormalization"] = OnnxNormalizations.Group,
        ["If"] = OnnxBranches.If,
        ["InstanceNormalization"] = OnnxNormalizations.Instance,
        ["IsNaN"] = (n, g) => g.Emit(n.Name, new Not(), [g.EmitTemporary(n, new Equal(), n.Input(0), n.Input(0))], n.Output(0)),
        ["LRN"] = OnnxNormalizations.AcrossChannels,
        ["LSTM"] = OnnxSequences.Lstm,
        ["LayerNormalization"] = OnnxNormalizations.Layer,
        ["Less"] = (n, g) => Emit(n, g, new Less(), 2),
        ["LessOrEqual"] = (n, g) => Emit(n, g, new LessOrEqual(), 2),
        ["Log"] = (n, g) => Emit(n, g, new Log(), 1),
        ["LogSoftmax"] = (n, g) => Softmax(n, g, axis => new LogSoftmax(axis)),
        ["Loop"] = OnnxLoops.Loop,
        ["LpNormalization"] = OnnxNormalizations.Length,
        ["MatMulInteger"] = OnnxIntegers.MatMul,
        ["Max"] = (n, g) => OnnxReductions.OfInputs(n, g, new Max()),
        ["Mean"] = (n, g) => OnnxReductions.OfInputs(n, g, new Add(), average: true),
        ["Min"] = (n, g) => OnnxReductions.OfInputs(n, g, new Min()),
        ["Mish"] = OnnxActivations.Mish,
        ["Mod"] = OnnxIntegers.Remainder,
        ["Neg"] = (n, g) => Emit(n, g, new Neg(), 1),
        ["NonZero"] = NotFolded,
        ["Not"] = (n, g) => Emit(n, g, new Not(), 1),
        ["OneHot"] = OnnxPositions.OneHot,
        ["Or"] = (n, g) => Emit(n, g, new Or(), 2),
        ["PRelu"] = (n, g) => Emit(n, g, new PRelu(), 2),
        ["Pow"] = (n, g) => Emit(n, g, new Pow(), 2),
        ["QLinearConv"] = OnnxQuantized.Convolution,
        ["QLinearMatMul"] = OnnxQuantized.MatMul,
        ["RNN"] = OnnxSequences.Rnn,
        ["RMSNormalization"] = OnnxNormalizations.RootMeanSquare,
        ["Reciprocal"] = (n, g) => Emit(n, g, new Reciprocal(), 1),
        ["ReduceL1"] = (n, g) => OnnxReductions.Of(n, g, (axes, keep) => new ReduceSum(axes, keep), before: x => g.EmitTemporary(n, new Abs(), x)),
        ["ReduceL2"] = (n, g) => OnnxReductions.Of(n, g, (axes, keep) => new ReduceSum(axes, keep), x => g.EmitTemporary(n, new Mul(), x, x), new Sqrt()),
        ["ReduceLogSum"] = (n, g) => OnnxReductions.Of(n, g, (axes, keep) => new ReduceSum(axes, keep), after: new Log()),
        ["ReduceLogSumExp"] = OnnxReductions.LogSumExp,
        ["ReduceMax"] = (n, g) => OnnxReductions.Of(n, g, (axes, keep) => new ReduceMax(axes, keep)),
        ["ReduceMin"] = (n, g) => OnnxReductions.Of(n, g, (axes, keep) => new ReduceMin(axes, keep)),
        ["ReduceProd"] = (n, g) => OnnxReductions.Of(n, g, (axes, keep) => new ReduceProd(axes, keep)),
        ["ReduceSum"] = (n, g) => OnnxReductions.Of(n, g, (axes, keep) => new ReduceSum(axes, keep)),
        ["ReduceSumSquare"] = (n, g) => OnnxReductions.Of(n, g, (axes, keep) => new ReduceSum(axes, keep), before: x => g.EmitTemporary(n, new Mul(), x, x)),
        ["Resize"] = OnnxMovement.Resize,
        ["ReverseSequence"] = OnnxPositions.ReverseSequence,
        ["Round"] = (n, g) => Emit(n, g, new Round(), 1),
        ["Scan"] = OnnxLoops.Scan,
        ["Selu"] = (n, g) => Emit(n, g, new Selu(n.Float("alpha", 1.67326319f), n.Float("gamma", 1.05070102f)), 1),
        ["SequenceAt"] = OnnxLists.At,
        ["SequenceConstruct"] = OnnxLists.Construct,
        ["SequenceEmpty"] = OnnxLists.Empty,
        ["SequenceErase"] = OnnxLists.Erase,
        ["SequenceInsert"] = OnnxLists.Insert,
        ["SequenceLength"] = OnnxLists.Length,
        ["Shrink"] = OnnxActivations.Shrink,
        ["Sign"] = (n, g) => Emit(n, g, new Sign(), 1),
        ["Sin"] = (n, g) => Emit(n, g, new Sin(), 1),
        ["Softplus"] = (n, g) => Emit(n, g, new Softplus(), 1),
        ["Softsign"] = (n, g) => Emit(n, g, new Softsign(), 1),
        ["SpaceToDepth"] = OnnxMovement.SpaceToDepth,
        ["Split"] = OnnxMovement.Split,
        ["SplitToSequence"] = OnnxLists.Split,
        ["Sqrt"] = (n, g) => Emit(n, g, new Sqrt(), 1),
        ["Sum"] = (n, g) => OnnxReductions.OfInputs(n, g, new Add()),
        ["Swish"] = OnnxActivations.Swish,
        ["ThresholdedRelu"] = (n, g) => Emit(n, g, new ThresholdedRelu(n.Float("alpha", 1)), 1),
        ["Tile"] = OnnxMovement.Tile,
        ["Trilu"] = OnnxMovement.Triangle,
        ["Upsample"] = OnnxMovement.Upsample,
        ["Where"] = (n, g) => Emit(n, g, new Where(), 3),
        ["Xor"] = (n, g) => Emit(n, g, new Xor(), 2),
        ["com.microsoft.BiasGelu"] = OnnxActivations.BiasGelu,
        ["com.microsoft.FastGelu"] = OnnxActivations.FastGelu,
        ["com.microsoft.FusedConv"] = OnnxFused.Convolution,
        ["com.microsoft.FusedGemm"] = OnnxFused.Gemm,
        ["com.microsoft.FusedMatMul"] = OnnxFused.MatMul,
        ["com.microsoft.Gelu"] = OnnxActivations.Gelu,
        ["com.microsoft.QGemm"] = OnnxQuantized.Gemm,
        ["com.microsoft.QLinearAdd"] = (n, g) => OnnxQuantized.Binary(n, g, new Add()),
        ["com.microsoft.QLinearAveragePool"] = (n, g) => OnnxQuantized.AveragePool(n, g, Pool(n, g)),
        ["com.microsoft.QLinearConcat"] = OnnxQuantized.Concat,
        ["com.microsoft.QLinearGlobalAveragePool"] = (n, g) => OnnxQuantized.AveragePool(n, g, new GlobalAveragePool()),
        ["com.microsoft.QLinearLeakyRelu"] = (n, g) => OnnxQuantized.Unary(n, g, new LeakyRelu(n.Float("alpha", 0.01f))),
        ["com.microsoft.QLinearMul"] = (n, g) => OnnxQuantized.Binary(n, g, new Mul()),
        ["com.microsoft.QLinearSigmoid"] = (n, g) => OnnxQuantized.Unary(n, g, new Sigmoid()),
        ["com.microsoft.QLinearSoftmax"] = OnnxQuantized.Softmax,
        ["com.microsoft.QuickGelu"] = OnnxActivations.QuickGelu,
        ["com.microsoft.SkipLayerNormalization"] = OnnxFused.SkipLayer,
        ["Add"] = (n, g) => Emit(n, g, new Add(), 2),
        ["AveragePool"] = AveragePool,
        ["BatchNormalization"] = BatchNormalization,
        ["Cast"] = Cast,
        ["Clip"] = Clip,
        ["Concat"] = (n, g) => Emit(n, g, new Concat(OnnxShapes.Axis(n, n.Int("axis", 0), Shape(n, g, 0).Length)), n.Proto.Input.Count),
        ["Constant"] = Constant,
        ["ConstantOfShape"] = OnnxFills.ConstantOfShape,
        ["Conv"] = Conv,
        ["ConvTranspose"] = ConvTranspose,
        ["DequantizeLinear"] = OnnxQuantized.DequantizeLinear,
        ["Div"] = (n, g) => Emit(n, g, new Div(), 2),
        ["Dropout"] = Dropout,
        ["Flatten"] = (n, g) => Emit(n, g, new Flatten(n.SmallInt("axis", 1)), 1),
        ["Gather"] = (n, g) => Emit(n, g, new Gather(n.SmallInt("axis", 0)), 2),
        ["Gemm"] = Gemm,
        ["GlobalAveragePool"] = (n, g) => Emit(n, g, new GlobalAveragePool(), 1),
        ["GlobalMaxPool"] = (n, g) => Emit(n, g, new GlobalMaxPool(), 1),
        ["HardSigmoid"] = (n, g) => Emit(n, g, new HardSigmoid(n.Float("alpha", 0.2f), n.Float("beta", 0.5f)), 1),
        ["HardSwish"] = (n, g) => Emit(n, g, new HardSwish(), 1),
        ["Identity"] = (n, g) => g.Bind(n, 0, n.Input(0)),
        ["LeakyRelu"] = (n, g) => Emit(n, g, new LeakyRelu(n.Float("alpha", 0.01f)), 1),
        ["MatMul"] = (n, g) => Emit(n, g, new MatMul(), 2),
        ["MaxPool"] = MaxPool,
        ["Mul"] = (n, g) => Emit(n, g, new Mul(), 2),
        ["Pad"] = OnnxMovement.Pad,
        ["QuantizeLinear"] = OnnxQuantized.QuantizeLinear,
        ["Range"] = NotFolded,
        ["ReduceMean"] = (n, g) => OnnxReductions.Of(n, g, (axes, keep) => new ReduceMean(axes, keep)),
        ["Relu"] = (n, g) => Emit(n, g, new Relu(), 1),
        ["Reshape"] = OnnxMovement.Reshape,
        ["Shape"] = NotFolded,
        ["Sigmoid"] = (n, g) => Emit(n, g, new Sigmoid(), 1),
        ["Size"] = NotFolded,
        ["Slice"] = OnnxMovement.Slice,
        ["Softmax"] = (n, g) => Softmax(n, g, axis => new Softmax(axis)),
        ["Squeeze"] = OnnxMovement.Squeeze,
        ["Sub"] = (n, g) => Emit(n, g, new Sub(), 2),
        ["Tanh"] = (n, g) => Emit(n, g, new Tanh(), 1),
        ["Transpose"] = (n, g) => Emit(n, g, new Transpose(n.SmallInts("perm") ?? [.. Enumerable.Range(0, Shape(n, g, 0).Length).Reverse()]), 1),
        ["Unsqueeze"] = OnnxMovement.Squeeze,
    };

    /// <summary>Names for the error that refuses an operator, and for the README.</summary>
    public static IEnumerable<string> Supported =>
        All.Keys.Order(StringComparer.Ordinal).Select(op => OnnxFolding.OnlyFolded.Contains(op) ? $"{op} (of constants and shapes)" : op);

    /// <summary>What ONNX has beside them.</summary>
    public static IEnumerable<string> Unsupported => OnnxNames.Operators.Where(op => !All.ContainsKey(op));

    private static void Conv(OnnxNode node, OnnxGraphBuilder graph)
    {
        var weights = Shape(node, graph, 1);
        if (weights.Length is not (3 or 4))
            throw node.Fault($"has weights of rank {weights.Length}; 1-D and 2-D convolutions are supported");
        var window = OnnxShapes.Window(node, Shape(node, graph, 0), node.SmallInts("kernel_shape") ?? weights[2..]);
        Emit(node, graph, new Conv(window, node.SmallInt("group", 1)), 3);
    }

    private static void ConvTranspose(OnnxNode node, OnnxGraphBuilder graph)
    {
        var (x, weights) = (Shape(node, graph, 0), Shape(node, graph, 1));
        if (weights.Length is not (3 or 4) || x.Length != weights.Length)
            throw node.Fault($"has weights of rank {weights.Length} and an input of rank {x.Length}; 1-D and 2-D convolutions are supported");
        var axes = weights.Length - 2;
        int[] none = [.. Enumerable.Repeat(0, axes)], ones = [.. Enumerable.Repeat(1, axes)];
        var (strides, dilations, extra) = (node.SmallInts("strides") ?? ones, node.SmallInts("dilations") ?? ones, node.SmallInts("output_padding") ?? none);
        var kernel = node.SmallInts("kernel_shape") ?? weights[2..];
        if (new[] { strides, dilations, extra, kernel }.Any(a => a.Length != axes || a.Any(v => v is < 0 or > 1 << 15)))
            throw node.Fault($"strides, dilations, kernel and output_padding do not fit {axes} axes");
        var pads = node.SmallInts("pads") ?? new int[2 * axes];
        var (automatic, wanted) = (node.String("auto_pad", "NOTSET"), node.SmallInts("output_shape"));
        if (automatic is "SAME_UPPER" or "SAME_LOWER" || wanted is not null)
        {
            // The pads follow from the output's size; what is missing at the end is padding of the output.
            pads = new int[2 * axes];
            for (var i = 0; i < axes; i++)
            {
                var size = wanted is null ? x[2 + i] * (long)strides[i] : wanted[wanted.Length - axes + i];
                var total = (x[2 + i] - 1L) * strides[i] + extra[i] + (kernel[i] - 1L) * dilations[i] + 1 - size;
                var half = (int)Math.Clamp(total / 2, 0, 1 << 15);
                (pads[i], pads[i + axes]) = automatic == "SAME_UPPER" ? (half, (int)Math.Clamp(total - half, 0, 1 << 15)) : ((int)Math.Clamp(total - half, 0, 1 << 15), half);
                if (total < 0)
                    extra = [.. extra.Select((e, at) => at == i ? (int)Math.Clamp(e - total, 0, 1 << 15) : e)];
            }
        }
        else if (automatic is not ("NOTSET" or "VALID" or ""))
            throw node.Fault($"auto_pad '{ModelImportException.OneLine(automatic)}' is unknown");
        Emit(node, graph, new ConvTranspose(new(kernel, strides, automatic == "VALID" ? new int[2 * axes] : pads, dilations), node.SmallInt("group", 1), extra), 3);
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
        var numbers = node.Opset < 11 || IsNumber(node, graph, 1) && IsNumber(node, graph, 2) && graph.Value(node.Input(0))?.Type == ElementType.Float32;
        if (numbers)
        {
            var (min, max) = node.Opset < 11
                ? (node.Float("min", float.MinValue), node.Float("max", float.MaxValue))
                : (Scalar(node, graph, 1, float.MinValue), Scalar(node, graph, 2, float.MaxValue));
            Emit(node, graph, new Clip(min, max), 1);
            return;
        }
        // Integers, or bounds that are computed.
        var x = node.Input(0);
        if (node.Input(1).Length > 0)
            x = graph.EmitTemporary(node, new Max(), x, node.Input(1));
        if (node.Input(2).Length > 0)
            x = graph.EmitTemporary(node, new Min(), x, node.Input(2));
        graph.Emit(node.Name, new Identity(), [x], node.Output(0));
    }

    private static bool IsNumber(OnnxNode node, OnnxGraphBuilder graph, int input) =>
        node.Input(input).Length == 0 || graph.Folded(node.Input(input)) is { IsConstant: true };

    private static void MaxPool(OnnxNode node, OnnxGraphBuilder graph)
    {
        if (node.Output(1).Length > 0)
            throw node.Fault("its second output (indices) is not supported");
        var pool = new MaxPool(PoolWindow(node, graph), node.Flag("ceil_mode"));
        if (graph.Value(node.Input(0)) is { Type: ElementType.UInt8 or ElementType.Int8 } integers)
            OnnxQuantized.Picked(node, graph, pool, integers.Type);
        else
            Emit(node, graph, pool, 1);
    }

    private static void AveragePool(OnnxNode node, OnnxGraphBuilder graph) => Emit(node, graph, Pool(node, graph), 1);

    private static AveragePool Pool(OnnxNode node, OnnxGraphBuilder graph) =>
        new(PoolWindow(node, graph), node.Flag("ceil_mode"), node.Flag("count_include_pad"));

    private static Window PoolWindow(OnnxNode node, OnnxGraphBuilder graph) =>
        OnnxShapes.Window(node, Shape(node, graph, 0), node.SmallInts("kernel_shape") ?? throw node.Fault("has no kernel_shape"));

    private static void Softmax(OnnxNode node, OnnxGraphBuilder graph, Func<int, Operator> op)
    {
        var shape = Shape(node, graph, 0);
        var axis = OnnxShapes.Axis(node, node.Int("axis", node.Opset < 13 ? 1 : -1), shape.Length);
        if (node.Opset >= 13 || axis == shape.Length - 1)
        {
            Emit(node, graph, op(axis), 1);
            return;
        }
        // Before opset 13 the operator sees a matrix: everything from the axis on is one row.
        var soft = graph.EmitTemporary(node, op(1), graph.EmitTemporary(node, new Flatten(axis), node.Input(0)));
        graph.Emit(node.Name, TargetShapes.ReshapeTo(graph.Value(soft)!.Shape, shape, node.Fault), [soft], node.Output(0));
    }

    private static void Dropout(OnnxNode node, OnnxGraphBuilder graph)
    {
        if (node.Input(2).Length > 0 && Scalar(node, graph, 2, 0) != 0)
            throw node.Fault("is in training mode; export the model for inference");
        Emit(node, graph, new Identity(), 1);
        // The mask of what is kept: everything.
        if (node.Output(1).Length > 0)
            graph.Emit(node.Name + "_mask", new Equal(), [node.Input(0), node.Input(0)], node.Output(1));
    }

    private static void Cast(OnnxNode node, OnnxGraphBuilder graph)
    {
        // Halves and doubles are float32 throughout.
        var to = (TensorProto.Types.DataType)node.SmallInt("to", 0) is TensorProto.Types.DataType.Float16 or TensorProto.Types.DataType.Bfloat16 or TensorProto.Types.DataType.Double
            ? ElementType.Float32
            : OnnxTensors.TypeOf(node.SmallInt("to", 0)) ?? throw node.Fault("casts to a type that is not supported");
        CastTo(node, graph, to);
    }

    private static void CastLike(OnnxNode node, OnnxGraphBuilder graph) =>
        CastTo(node, graph, (graph.Value(node.Input(1)) ?? throw node.Fault("input 1 is missing")).Type);

    private static void CastTo(OnnxNode node, OnnxGraphBuilder graph, ElementType to) =>
        Emit(node, graph, graph.Value(node.Input(0))?.Type == to ? new Identity() : new Cast(to), 1);

    private static void Constant(OnnxNode node, OnnxGraphBuilder graph)
    {
        var tensor = node.Stored("value") is { } stored ? graph.Read(stored) : null;
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

    private static void NotFolded(OnnxNode node, OnnxGraphBuilder graph) => throw node.Fault(node.Proto.Input.All(i => graph.Folded(i) is not null)
        ? $"makes a constant of more than {FoldedValue.MaxCount} elements, which is not supported"
        : "is supported only on constants and shapes, and reads computed data here");

    internal static void Emit(OnnxNode node, OnnxGraphBuilder graph, Operator op, int inputs)
    {
        var names = Enumerable.Range(0, inputs).Select(node.Input).ToList();
        while (names.Count > 0 && names[^1].Length == 0)
            names.RemoveAt(names.Count - 1);
        graph.Emit(node.Name, op, names, node.Output(0));
    }

    internal static int[] Shape(OnnxNode node, OnnxGraphBuilder graph, string value) =>
        (graph.Value(value) ?? throw node.Fault($"'{ModelImportException.OneLine(value)}' has no known shape")).Shape;

    internal static int[] Shape(OnnxNode node, OnnxGraphBuilder graph, int input) =>
        (graph.Value(node.Input(input)) ?? throw node.Fault($"input {input} is missing or has no known shape")).Shape;

    internal static float Scalar(OnnxNode node, OnnxGraphBuilder graph, int input, float otherwise)
    {
        if (node.Input(input).Length == 0)
            return otherwise;
        return graph.Folded(node.Input(input)) is { IsConstant: true, Numbers: [var number] }
            ? (float)number.Value
            : throw node.Fault($"input {input} must be a constant number");
    }

    internal static long[] Longs(OnnxNode node, OnnxGraphBuilder graph, int input) =>
        graph.Folded(node.Input(input)) is { IsConstant: true } value
            ? Array.ConvertAll(value.Numbers, n => (long)n.Value)
            : throw node.Fault($"input {input} must be a constant");
}

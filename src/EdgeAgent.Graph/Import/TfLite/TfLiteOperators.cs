using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TfLite;

/// <summary>One converter per TensorFlow Lite operator: reads options by their field ids and constant inputs, and emits the IR nodes.</summary>
internal static class TfLiteOperators
{
    public delegate void Converter(TfLiteNode node, TfLiteGraphBuilder graph);

    private const byte SamePadding = 0;

    public static readonly IReadOnlyDictionary<string, Converter> All = new Dictionary<string, Converter>
    {
        ["ABS"] = (n, g) => Unary(n, g, new Abs()),
        ["ADD"] = (n, g) => Binary(n, g, new Add()),
        ["ADD_N"] = TfLiteMovement.AddN,
        ["ASSIGN_VARIABLE"] = TfLiteVariables.Assign,
        ["ARG_MAX"] = (n, g) => TfLiteMovement.ArgMax(n, g, g.Real(n, 0)),
        ["ARG_MIN"] = (n, g) => TfLiteMovement.ArgMax(n, g, g.Emit(n, new Neg(), g.Real(n, 0))),
        ["AVERAGE_POOL_2D"] = (n, g) => Pool(n, g, window => new AveragePool(window, CeilMode: false, CountIncludePad: false)),
        ["BATCH_MATMUL"] = BatchMatMul,
        ["BATCH_TO_SPACE_ND"] = TfLiteBlocks.BatchToSpace,
        ["BROADCAST_TO"] = (n, g) => g.Define(n, g.Emit(n, new Expand(Array.ConvertAll(g.Ints(n, 1), d => (long)d)), g.Real(n, 0))),
        ["CALL"] = TfLiteControlFlow.Call,
        ["CALL_ONCE"] = TfLiteControlFlow.CallOnce,
        ["CAST"] = Cast,
        ["CEIL"] = (n, g) => Unary(n, g, new Ceil()),
        ["CONCATENATION"] = Concatenation,
        ["COS"] = (n, g) => Unary(n, g, new Cos()),
        ["CUMSUM"] = TfLiteMovement.CumSum,
        ["CONV_2D"] = Convolution,
        ["DEPTH_TO_SPACE"] = TfLiteImages.DepthToSpace,
        ["DEPTHWISE_CONV_2D"] = DepthwiseConvolution,
        ["DENSIFY"] = (n, g) => g.Define(n, g.Real(n, 0)),
        ["DEQUANTIZE"] = (n, g) => g.Define(n, g.Real(n, 0)),
        ["DIV"] = (n, g) => Binary(n, g, new Div()),
        ["DYNAMIC_UPDATE_SLICE"] = TfLiteLists.Update,
        ["ELU"] = (n, g) => Unary(n, g, new Elu(1)),
        ["EMBEDDING_LOOKUP"] = (n, g) => g.Define(n, g.Emit(n, new Gather(0), g.Real(n, 1), g.Real(n, 0))),
        ["EQUAL"] = (n, g) => Compare(n, g, new Equal()),
        ["EXP"] = (n, g) => Unary(n, g, new Exp()),
        ["EXPAND_DIMS"] = ExpandDims,
        ["FILL"] = TfLiteMovement.Fill,
        ["FLOOR"] = (n, g) => Unary(n, g, new Floor()),
        ["FLOOR_DIV"] = (n, g) => g.Define(n, Quotient(n, g)),
        ["FLOOR_MOD"] = FloorMod,
        ["FULLY_CONNECTED"] = FullyConnected,
        ["GATHER"] = TfLiteMovement.Gather,
        ["GELU"] = Gelu,
        ["GREATER"] = (n, g) => Compare(n, g, new Greater()),
        ["GREATER_EQUAL"] = (n, g) => Compare(n, g, new GreaterOrEqual()),
        ["HARD_SWISH"] = (n, g) => Unary(n, g, new HardSwish()),
        ["IF"] = TfLiteControlFlow.If,
        ["L2_NORMALIZATION"] = UnitLength,
        ["LEAKY_RELU"] = (n, g) => Unary(n, g, new LeakyRelu(n.Float(0))),
        ["LESS"] = (n, g) => Compare(n, g, new Less()),
        ["LESS_EQUAL"] = (n, g) => Compare(n, g, new LessOrEqual()),
        ["LOCAL_RESPONSE_NORMALIZATION"] = TfLiteImages.NormalizedByNeighbours,
        ["LOG"] = (n, g) => Unary(n, g, new Log()),
        ["LOGICAL_AND"] = (n, g) => Compare(n, g, new And()),
        ["LOGICAL_NOT"] = (n, g) => Unary(n, g, new Not()),
        ["LOGICAL_OR"] = (n, g) => Compare(n, g, new Or()),
        ["LOGISTIC"] = (n, g) => Unary(n, g, new Sigmoid()),
        ["LOG_SOFTMAX"] = (n, g) => Unary(n, g, new LogSoftmax(-1)),
        ["MAXIMUM"] = (n, g) => Compare(n, g, new Max()),
        ["MAX_POOL_2D"] = (n, g) => Pool(n, g, window => new MaxPool(window, CeilMode: false)),
        ["MEAN"] = Mean,
        ["MINIMUM"] = (n, g) => Compare(n, g, new Min()),
        ["MIRROR_PAD"] = TfLiteImages.MirrorPad,
        ["MUL"] = (n, g) => Binary(n, g, new Mul()),
        ["NEG"] = (n, g) => Unary(n, g, new Neg()),
        ["NOT_EQUAL"] = (n, g) => g.Define(n, g.Emit(n, new Not(), g.Emit(n, new Equal(), g.Real(n, 0), g.Real(n, 1)))),
        ["ONE_HOT"] = TfLiteMovement.OneHot,
        ["PACK"] = TfLiteMovement.Pack,
        ["PAD"] = Pad,
        ["PADV2"] = Pad,
        ["POW"] = (n, g) => Compare(n, g, new Pow()),
        ["PRELU"] = (n, g) => Compare(n, g, new PRelu()),
        ["QUANTIZE"] = (n, g) => g.Define(n, g.Real(n, 0)),
        ["RANGE"] = TfLiteMovement.Range,
        ["RANK"] = (n, g) => g.Define(n, g.NewConstant(n, "rank", Tensor.Of([g.Shape(g.Real(n, 0)).Length], []))),
        ["READ_VARIABLE"] = TfLiteVariables.Read,
        ["REDUCE_ALL"] = (n, g) => Decide(n, g, (axes, keep) => new ReduceMin(axes, keep)),
        ["REDUCE_ANY"] = (n, g) => Decide(n, g, (axes, keep) => new ReduceMax(axes, keep)),
        ["REDUCE_MAX"] = (n, g) => Reduce(n, g, (axes, keep) => new ReduceMax(axes, keep)),
        ["REDUCE_MIN"] = (n, g) => Reduce(n, g, (axes, keep) => new ReduceMin(axes, keep)),
        ["REDUCE_PROD"] = (n, g) => Reduce(n, g, (axes, keep) => new ReduceProd(axes, keep)),
        ["RELU"] = (n, g) => Unary(n, g, new Relu()),
        ["RELU6"] = (n, g) => Unary(n, g, new Clip(0, 6)),
        ["RELU_0_TO_1"] = (n, g) => Unary(n, g, new Clip(0, 1)),
        ["RELU_N1_TO_1"] = (n, g) => Unary(n, g, new Clip(-1, 1)),
        ["RESHAPE"] = Reshape,
        ["RESIZE_BILINEAR"] = (n, g) => TfLiteMovement.Resize(n, g, 2, linear: true),
        ["RESIZE_NEAREST_NEIGHBOR"] = (n, g) => TfLiteMovement.Resize(n, g, 0, linear: false),
        ["REVERSE_V2"] = (n, g) => g.Define(n, g.Emit(n, Reversed(g.Ints(n, 1)), g.Real(n, 0))),
        ["ROUND"] = (n, g) => Unary(n, g, new Round()),
        ["RSQRT"] = (n, g) => g.Define(n, g.Emit(n, new Reciprocal(), g.Emit(n, new Sqrt(), g.Real(n, 0)))),
        ["SELECT"] = TfLiteMovement.Select,
        ["SELECT_V2"] = TfLiteMovement.Select,
        ["SHAPE"] = TfLiteMovement.Shape,
        ["SIGN"] = (n, g) => Unary(n, g, new Sign()),
        ["SIN"] = (n, g) => Unary(n, g, new Sin()),
        ["SLICE"] = TfLiteMovement.Slice,
        ["SOFTMAX"] = Softmax,
        ["SPACE_TO_BATCH_ND"] = TfLiteBlocks.SpaceToBatch,
        ["SPACE_TO_DEPTH"] = TfLiteImages.SpaceToDepth,
        ["SPLIT"] = TfLiteMovement.Split,
        ["SPLIT_V"] = TfLiteMovement.SplitV,
        ["SQRT"] = (n, g) => Unary(n, g, new Sqrt()),
        ["SQUARE"] = (n, g) => g.Define(n, g.Emit(n, new Mul(), g.Real(n, 0), g.Real(n, 0))),
        ["SQUARED_DIFFERENCE"] = SquaredDifference,
        ["SQUEEZE"] = Squeeze,
        ["STRIDED_SLICE"] = TfLiteMovement.StridedSlice,
        ["SUB"] = (n, g) => Binary(n, g, new Sub()),
        ["SUM"] = (n, g) => Reduce(n, g, (axes, keep) => new ReduceSum(axes, keep)),
        ["TANH"] = (n, g) => Unary(n, g, new Tanh()),
        ["TILE"] = TfLiteMovement.Tile,
        // The same with a bias, as MediaPipe calls it; its size is that of its output.
        ["Convolution2DTransposeBias"] = TfLiteImages.TransposedWithBias,
        ["TRANSPOSE_CONV"] = TfLiteImages.Transposed,
        ["TRANSPOSE"] = (n, g) => g.Define(n, g.Emit(n, new Transpose(g.Ints(n, 1)), g.Real(n, 0))),
        ["UNIDIRECTIONAL_SEQUENCE_LSTM"] = TfLiteSequences.Lstm,
        ["UNPACK"] = TfLiteMovement.Unpack,
        ["VAR_HANDLE"] = TfLiteVariables.Handle,
        ["WHILE"] = TfLiteControlFlow.While,
        ["ZEROS_LIKE"] = TfLiteMovement.ZerosLike,
    };

    /// <summary>Names for the README.</summary>
    public static IEnumerable<string> Supported => All.Keys.Order(StringComparer.Ordinal);

    /// <summary>What TensorFlow Lite has beside them.</summary>
    public static IEnumerable<string> Unsupported => TfLiteNames.Operators.Where(op => !All.ContainsKey(op)).Order(StringComparer.Ordinal);

    private static void Unary(TfLiteNode node, TfLiteGraphBuilder graph, Operator op) =>
        graph.Define(node, graph.Emit(node, op, graph.Real(node, 0)));

    private static StridedSlice Reversed(int[] axes) =>
        new(Array.ConvertAll(axes, _ => -1), Array.ConvertAll(axes, _ => int.MinValue), axes, Array.ConvertAll(axes, _ => -1));

    /// <summary>Two operands and no activation.</summary>
    private static void Compare(TfLiteNode node, TfLiteGraphBuilder graph, Operator op) =>
        graph.Define(node, graph.Emit(node, op, graph.Real(node, 0), graph.Real(node, 1)));

    private static void Binary(TfLiteNode node, TfLiteGraphBuilder graph, Operator op) =>
        graph.Define(node, Activated(node, graph, 0, graph.Emit(node, op, graph.Real(node, 0), graph.Real(node, 1))));

    // Filters are [outputs, height, width, inputs / groups].
    private static void Convolution(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var filter = Filter(node);
        var x = graph.RealNchw(node, 0);
        var window = Window(node, graph.Shape(x), filter[1], filter[2], node.Int(4, 1), node.Int(5, 1));
        var groups = filter[3] > 0 ? graph.Shape(x)[1] / filter[3] : 0;
        Layer(node, graph, 3, new Conv(window, groups), x, graph.Weights(node, 1, 0, 3, 1, 2));
    }

    // Filters are [1, height, width, outputs], the outputs of one input channel side by side.
    private static void DepthwiseConvolution(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var filter = Filter(node);
        var x = graph.RealNchw(node, 0);
        var window = Window(node, graph.Shape(x), filter[1], filter[2], node.Int(5, 1), node.Int(6, 1));
        Layer(node, graph, 4, new Conv(window, graph.Shape(x)[1]), x, graph.Weights(node, 1, 3, 0, 1, 2));
    }

    private static int[] Filter(TfLiteNode node) => node.Input(1).Shape is { Length: 4 } shape
        ? shape
        : throw node.Fault($"has a filter of the shape [{string.Join(',', node.Input(1).Shape)}]; four dimensions are expected");

    private static void Layer(TfLiteNode node, TfLiteGraphBuilder graph, int activationId, Conv conv, string x, string weights)
    {
        string[] parameters = node.Has(2) ? [weights, graph.Weights(node, 2)] : [weights];
        string Result(string image, Window window) => graph.Nhwc(node, Activated(node, graph, activationId, graph.Emit(node, conv with { Window = window }, [image, .. parameters])));
        graph.Define(node, Result(x, conv.Window));
        graph.Blocks.Convolved(node, graph, conv.Window, (image, window) => Result(graph.Nchw(node, image), window));
    }

    // Weights are [outputs, inputs]; the input is seen as a matrix with as many columns.
    private static void FullyConnected(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        if (node.Byte(1) != 0)
            throw node.Fault("its weights are shuffled, which is not supported; convert the model again with a current converter");
        var x = graph.Real(node, 0);
        var shape = graph.Shape(x);
        if (node.Input(1).Shape is not [var units, var depth])
            throw node.Fault($"has weights of the shape [{string.Join(',', node.Input(1).Shape)}]; two dimensions are expected");
        if (shape.Length != 2 || shape[1] != depth)
            x = graph.Emit(node, new Reshape([-1, depth]), x);
        string[] inputs = node.Has(2) ? [x, graph.Weights(node, 1), graph.Weights(node, 2)] : [x, graph.Weights(node, 1)];
        var y = Activated(node, graph, 0, graph.Emit(node, new Gemm(1, 1, TransposeA: false, TransposeB: true), inputs));
        if (node.Flag(2) && shape.Length != 2)
            y = graph.Emit(node, new Reshape([-1, .. shape[1..^1].Select(d => (long)d), units]), graph.Pinned(node, y));
        graph.Define(node, y);
    }

    private static void Pool(TfLiteNode node, TfLiteGraphBuilder graph, Func<Window, Operator> op)
    {
        var x = graph.RealNchw(node, 0);
        var window = Window(node, graph.Shape(x), node.Int(4), node.Int(3), 1, 1);
        graph.Define(node, graph.Nhwc(node, Activated(node, graph, 5, graph.Emit(node, op(window), x))));
    }

    // Fields 0 to 2 are the same for convolutions and pools.
    private static Window Window(TfLiteNode node, int[] x, int height, int width, int dilationX, int dilationY)
    {
        int[] kernel = [height, width], strides = [node.Int(2), node.Int(1)], dilations = [dilationY, dilationX];
        if (kernel.Any(k => k < 1) || strides.Any(s => s < 1) || dilations.Any(d => d < 1))
            throw node.Fault($"kernel [{string.Join(',', kernel)}], strides [{string.Join(',', strides)}], dilations [{string.Join(',', dilations)}] are no window");
        var pads = node.Byte(0) == SamePadding ? Ir.Window.SamePads(x.AsSpan(2), kernel, strides, dilations) : new int[4];
        return new(kernel, strides, pads, dilations);
    }

    /// <summary>The activation that is part of an operator: option field <paramref name="id"/>.</summary>
    internal static string Activated(TfLiteNode node, TfLiteGraphBuilder graph, int id, string value)
    {
        Operator? op = node.Byte(id) switch
        {
            0 => null,
            1 => new Relu(),
            2 => new Clip(-1, 1),
            3 => new Clip(0, 6),
            4 => new Tanh(),
            var other => throw node.Fault($"its activation {other} is not supported"),
        };
        return op is null ? value : graph.Emit(node, op, op is Tanh ? graph.Pinned(node, value) : value);
    }

    private static void Concatenation(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        if (node.Inputs.Length == 0)
            throw node.Fault("joins nothing");
        string[] inputs = [.. Enumerable.Range(0, node.Inputs.Length).Select(i => graph.Value(node, i))];
        if (graph.HasCalls && node.Int(0) == 0 && node.Byte(1) == 0 && !node.Output(0).IsQuantized && TfLiteLists.Fit(graph, inputs))
        {
            graph.Lists.Join(node, graph, inputs);
            return;
        }
        inputs = Array.ConvertAll(inputs, i => graph.Lists.Whole(node, graph, i));
        graph.Define(node, Activated(node, graph, 1, graph.Emit(node, new Concat(node.Int(0)), inputs)));
    }

    private static void Mean(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var (x, axes, keep) = (graph.Real(node, 0), graph.Ints(node, 1), node.Flag(0));
        var rank = graph.Shape(x).Length;
        if (rank != 4 || !axes.Select(a => a < 0 ? a + rank : a).Order().SequenceEqual([1, 2]))
        {
            Reduce(node, graph, (a, k) => new ReduceMean(a, k));
            return;
        }
        var mean = graph.Emit(node, new GlobalAveragePool(), graph.RealNchw(node, 0));
        graph.Define(node, keep ? graph.Nhwc(node, mean) : graph.Emit(node, new Flatten(1), graph.Pinned(node, mean)));
    }

    private static void Reduce(TfLiteNode node, TfLiteGraphBuilder graph, Func<int[], bool, Operator> op) =>
        graph.Define(node, graph.Emit(node, op(graph.Ints(node, 1), node.Flag(0)), graph.Real(node, 0)));

    /// <summary>Whether a condition holds for all or for any: the smallest or largest of zeros and ones.</summary>
    private static void Decide(TfLiteNode node, TfLiteGraphBuilder graph, Func<int[], bool, Operator> op)
    {
        var numbers = graph.Emit(node, new Cast(ElementType.Float32), graph.Real(node, 0));
        graph.Define(node, graph.Emit(node, new Cast(ElementType.Bool), graph.Emit(node, op(graph.Ints(node, 1), node.Flag(0)), numbers)));
    }

    /// <summary>The quotient rounded down. Whole numbers, which are positions and sizes, are exact up to 2^24.</summary>
    private static string Quotient(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var type = graph.Type(graph.Real(node, 0));
        string Operand(int input) => type == ElementType.Float32 ? graph.Real(node, input) : graph.Emit(node, new Cast(ElementType.Float32), graph.Real(node, input));
        var quotient = graph.Emit(node, new Floor(), graph.Emit(node, new Div(), Operand(0), Operand(1)));
        return type == ElementType.Float32 ? quotient : graph.Emit(node, new Cast(type), quotient);
    }

    /// <summary>x - y * floor(x / y).</summary>
    private static void FloorMod(TfLiteNode node, TfLiteGraphBuilder graph) =>
        graph.Define(node, graph.Emit(node, new Sub(), graph.Real(node, 0), graph.Emit(node, new Mul(), graph.Real(node, 1), Quotient(node, graph))));

    private static void SquaredDifference(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var difference = graph.Emit(node, new Sub(), graph.Real(node, 0), graph.Real(node, 1));
        graph.Define(node, graph.Emit(node, new Mul(), difference, difference));
    }

    /// <summary>x / max(|x|, 1e-6) along the last axis.</summary>
    private static void UnitLength(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var x = graph.Real(node, 0);
        var length = graph.Emit(node, new Sqrt(), graph.Emit(node, new ReduceSum([-1], true), graph.Emit(node, new Mul(), x, x)));
        var bounded = graph.Emit(node, new Clip(1e-6f, float.MaxValue), length);
        graph.Define(node, Activated(node, graph, 0, graph.Emit(node, new Div(), x, bounded)));
    }

    private static void BatchMatMul(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        string Operand(int input)
        {
            var value = graph.Real(node, input);
            var rank = graph.Shape(value).Length;
            return node.Flag(input) && rank >= 2 ? graph.Emit(node, new Transpose([.. Enumerable.Range(0, rank - 2), rank - 1, rank - 2]), value) : value;
        }
        graph.Define(node, graph.Emit(node, new MatMul(), Operand(0), Operand(1)));
    }

    private static void Cast(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var to = TfLiteTensors.TypeOf(node.Output(0).Type) ?? throw node.Fault($"casts to {node.Output(0).Type}, which is not supported");
        graph.Define(node, graph.Emit(node, new Cast(to), graph.Real(node, 0)));
    }

    /// <summary>x / 2 * (1 + erf(x / sqrt(2))), or with tanh in its place.</summary>
    private static void Gelu(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var x = graph.Real(node, 0);
        string Number(float value) => graph.NewConstant(node, "number", Tensor.Of([value]));
        string share;
        if (node.Flag(0))
        {
            var cube = graph.Emit(node, new Mul(), graph.Emit(node, new Mul(), x, x), graph.Emit(node, new Mul(), x, Number(0.044715f)));
            share = graph.Emit(node, new Tanh(), graph.Emit(node, new Mul(), graph.Emit(node, new Add(), x, cube), Number(MathF.Sqrt(2 / MathF.PI))));
        }
        else
            share = graph.Emit(node, new Erf(), graph.Emit(node, new Mul(), x, Number(MathF.Sqrt(0.5f))));
        var factor = graph.Emit(node, new Add(), share, Number(1));
        graph.Define(node, graph.Emit(node, new Mul(), graph.Emit(node, new Mul(), x, Number(0.5f)), factor));
    }

    // [axes, 2]: what goes before and what behind.
    private static void Pad(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var (x, given) = (graph.Real(node, 0), graph.Ints(node, 1));
        var rank = graph.Shape(x).Length;
        if (given.Length != 2 * rank)
            throw node.Fault($"{given.Length} pads do not fit {rank} axes");
        int[] pads = [.. Enumerable.Range(0, 2 * rank).Select(i => i < rank ? given[2 * i] : given[2 * (i - rank) + 1])];
        var value = 0f;
        if (node.Has(2))
            value = graph.Constant(graph.Real(node, 2)) is { Data: float[] and [var only] } ? only : throw node.Fault("pads with a value that is no constant number");
        graph.Define(node, graph.Emit(node, new Pad(pads, value), x));
    }

    private static void Reshape(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var target = node.Has(1) ? graph.Ints(node, 1) : node.Ints(0) ?? throw node.Fault("has no target shape");
        if (Array.Exists(target, d => d == 0))
            throw node.Fault("makes an empty tensor, which is not supported");
        var x = graph.Real(node, 0);
        // A list that a loop has filled gets the shape that it has: of no list anymore.
        graph.Define(node, graph.HasCalls && graph.Shape(x).AsSpan().SequenceEqual(target) ? x : graph.Emit(node, new Reshape(Array.ConvertAll(target, d => (long)d)), x));
    }

    private static void Squeeze(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var x = graph.Real(node, 0);
        var shape = graph.Shape(x);
        var axes = node.Ints(0) is { Length: > 0 } given ? Array.ConvertAll(given, a => a < 0 ? a + shape.Length : a) : null;
        if (axes is not null && axes.Any(a => a < 0 || a >= shape.Length || shape[a] != 1))
            throw node.Fault($"squeezes an axis of [{string.Join(',', shape)}] that is not 1");
        graph.Define(node, graph.Emit(node, new Reshape([.. shape.Where((d, i) => axes is null ? d != 1 : !axes.Contains(i)).Select(d => (long)d)]), x));
    }

    private static void ExpandDims(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var x = graph.Real(node, 0);
        var shape = graph.Shape(x).Select(d => (long)d).ToList();
        if (graph.Ints(node, 1) is not [var axis] || axis < -shape.Count - 1 || axis > shape.Count)
            throw node.Fault("has no axis that fits");
        TfLiteMovement.Insert(shape, axis < 0 ? axis + shape.Count + 1 : axis);
        graph.Define(node, graph.Emit(node, new Reshape([.. shape]), x));
    }

    private static void Softmax(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var (x, beta) = (graph.Real(node, 0), node.Float(0));
        if (beta != 1)
            x = graph.Emit(node, new Mul(), x, graph.NewConstant(node, "beta", Tensor.Of([beta])));
        graph.Define(node, graph.Emit(node, new Softmax(-1), x));
    }
}

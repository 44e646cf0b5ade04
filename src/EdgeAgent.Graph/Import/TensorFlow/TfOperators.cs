using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TensorFlow;

/// <summary>One converter per TensorFlow operator: reads attributes and constant inputs and emits the IR nodes.</summary>
internal static class TfOperators
{
    public delegate IReadOnlyList<TfValue> Converter(TfNode node, ChannelsLastGraph graph);

    private delegate Laid Computed(TfNode node, ChannelsLastGraph graph);

    public static readonly IReadOnlyDictionary<string, Converter> All = new Dictionary<string, Converter>
    {
        ["Add"] = Binary(new Add()),
        ["AddN"] = Of(AddN),
        ["AddV2"] = Binary(new Add()),
        ["AvgPool"] = Of((n, g) => Pool(n, g, w => new AveragePool(w, false, false))),
        ["BatchMatMul"] = Of(BatchMatMul),
        ["BatchMatMulV2"] = Of(BatchMatMul),
        ["BatchToSpaceND"] = Of(TfImages.BatchToSpace),
        ["BiasAdd"] = Of(BiasAdd),
        ["Abs"] = Unary(_ => new Abs()),
        ["Cast"] = Cast,
        ["Ceil"] = Unary(_ => new Ceil()),
        ["Concat"] = Of((n, g) => Concat(n, g, Enumerable.Range(1, Math.Max(0, n.InputCount - 1)), 0)),
        ["ConcatV2"] = Of((n, g) => Concat(n, g, Enumerable.Range(0, Math.Max(0, n.InputCount - 1)), n.InputCount - 1)),
        ["Const"] = (n, _) => [new TfValue.Constant(TfTensors.Read(n.Tensor("value") ?? throw n.Fault("holds no tensor"), n.Fault))],
        ["Conv2D"] = Of(Conv2D),
        ["DepthwiseConv2dNative"] = Of(Depthwise),
        ["Div"] = Binary(new Div()),
        ["Einsum"] = Of((n, g) => Einsum.Emit(n.Name, n.Text("equation", ""), n.Data(0), n.Data(1), g, n.Fault)),
        ["Elu"] = Unary(_ => new Elu(1)),
        ["EnsureShape"] = Passed,
        ["Erf"] = Unary(_ => new Erf()),
        ["Exp"] = Unary(_ => new Exp()),
        ["ExpandDims"] = Of((n, g) => g.Reshape(n.Name, n.Data(0), TfShapes.Expanded(n, n.Shape(0)), n.Fault)),
        ["Fill"] = NotFolded,
        ["Floor"] = Unary(_ => new Floor()),
        ["FloorDiv"] = NotFolded,
        ["FloorMod"] = NotFolded,
        ["FusedBatchNorm"] = Of(FusedBatchNorm),
        ["FusedBatchNormV2"] = Of(FusedBatchNorm),
        ["FusedBatchNormV3"] = Of(FusedBatchNorm),
        ["Gather"] = Of(Gather),
        ["GatherV2"] = Of(Gather),
        ["Identity"] = Passed,
        ["IdentityN"] = Passed,
        ["LeakyRelu"] = Unary(n => new LeakyRelu(n.Float("alpha", 0.2f))),
        ["Log"] = Unary(_ => new Log()),
        ["LogSoftmax"] = Of((n, g) => new(g.Assembly.Emit(n.Name, new LogSoftmax(n.Shape(0).Length - 1), g.Plain(n.Data(0))))),
        ["MatMul"] = Of(MatMul),
        ["Max"] = Of((n, g) => g.Reduce(n.Name, new ReduceMax(Axes(n), n.Flag("keep_dims")), n.Data(0))),
        ["MaxPool"] = Of((n, g) => Pool(n, g, w => new MaxPool(w, false))),
        ["Maximum"] = Of((n, g) => Extreme(n, g, new Max())),
        ["Mean"] = Of((n, g) => g.Reduce(n.Name, new ReduceMean(Axes(n), n.Flag("keep_dims")), n.Data(0))),
        ["Min"] = Of((n, g) => g.Reduce(n.Name, new ReduceMin(Axes(n), n.Flag("keep_dims")), n.Data(0))),
        ["Minimum"] = Of((n, g) => Extreme(n, g, new Min())),
        ["Mul"] = Binary(new Mul()),
        ["Neg"] = Unary(_ => new Neg()),
        ["Pack"] = NotFolded,
        ["Pad"] = Of((n, g) => Pad(n, g, 0)),
        ["PadV2"] = Of((n, g) => Pad(n, g, n.Scalar(2, "value"))),
        ["PlaceholderWithDefault"] = Passed,
        ["Pow"] = Binary(new Pow()),
        ["PreventGradient"] = Passed,
        ["Prod"] = Of((n, g) => g.Reduce(n.Name, new ReduceProd(Axes(n), n.Flag("keep_dims")), n.Data(0))),
        ["Range"] = NotFolded,
        ["Rank"] = NotFolded,
        ["RealDiv"] = Binary(new Div()),
        ["Relu"] = Unary(_ => new Relu()),
        ["Relu6"] = Unary(_ => new Clip(0, 6)),
        ["Reshape"] = Of(Reshape),
        ["ResizeBilinear"] = Of((n, g) => TfImages.Resize(n, g, linear: true)),
        ["ResizeNearestNeighbor"] = Of((n, g) => TfImages.Resize(n, g, linear: false)),
        ["Round"] = Unary(_ => new Round()),
        ["Rsqrt"] = Of((n, g) => g.Unary(n.Name, new Reciprocal(), g.Unary(n.Name + "_root", new Sqrt(), n.Data(0)))),
        ["Selu"] = Of((n, g) => Activations.Selu(n.Name, n.Data(0), g)),
        ["Shape"] = NotFolded,
        ["Sigmoid"] = Unary(_ => new Sigmoid()),
        ["Size"] = NotFolded,
        ["Slice"] = Of((n, g) => Sliced(n, g, TfSlices.OfSlice(n, n.Shape(0)))),
        ["Snapshot"] = Passed,
        ["Softmax"] = Of((n, g) => g.Softmax(n.Name, n.Data(0), n.Axis(-1, n.Shape(0).Length))),
        ["Softplus"] = Unary(_ => new Softplus()),
        ["Softsign"] = Unary(_ => new Softsign()),
        ["SpaceToBatchND"] = Of(TfImages.SpaceToBatch),
        ["Split"] = (n, g) => Split(n, g, 1, n.Axis(n.Ints(0, "axis") is [var a] ? a : throw n.Fault("its axis is no number"), n.Shape(1).Length), null),
        ["SplitV"] = (n, g) => Split(n, g, 0, n.Axis(n.Ints(2, "axis") is [var a] ? a : throw n.Fault("its axis is no number"), n.Shape(0).Length), n.Ints(1, "sizes")),
        ["Sqrt"] = Unary(_ => new Sqrt()),
        ["Square"] = Of((n, g) => g.Binary(n.Name, new Mul(), n.Data(0), n.Data(0))),
        ["SquaredDifference"] = Of((n, g) => g.Binary(n.Name + "_difference", new Sub(), n.Data(0), n.Data(1)) is var d ? g.Binary(n.Name, new Mul(), d, d) : default),
        ["Squeeze"] = Of((n, g) => g.Reshape(n.Name, n.Data(0), TfShapes.Squeezed(n, n.Shape(0)), n.Fault)),
        ["StopGradient"] = Passed,
        ["StridedSlice"] = Of((n, g) => Sliced(n, g, TfSlices.OfStridedSlice(n, n.Shape(0)))),
        ["Sub"] = Binary(new Sub()),
        ["Sum"] = Of((n, g) => g.Reduce(n.Name, new ReduceSum(Axes(n), n.Flag("keep_dims")), n.Data(0))),
        ["Tanh"] = Unary(_ => new Tanh()),
        ["Transpose"] = Of((n, g) => new(g.Assembly.Emit(n.Name, new Transpose(n.Ints(1, "permutation")), g.Plain(n.Data(0))))),
    };

    /// <summary>Names for the error that refuses an operator, and for the README: those above and what <see cref="TfWalker"/> takes itself.</summary>
    public static IEnumerable<string> Supported => All.Keys
        .Concat(["PartitionedCall", "Placeholder", "ReadVariableOp", "StatefulPartitionedCall", "VarHandleOp", "Variable", "VariableV2"])
        .Order(StringComparer.Ordinal)
        .Select(op => TfFolding.OnlyFolded.Contains(op) ? $"{op} (of constants and shapes)" : op);

    private static Converter Of(Computed compute) => (node, graph) => [new TfValue.Data(compute(node, graph))];

    private static Converter Unary(Func<TfNode, UnaryOperator> op) => Of((node, graph) => graph.Unary(node.Name, op(node), node.Data(0)));

    private static Converter Binary(BinaryOperator op) => Of((node, graph) => graph.Binary(node.Name, op, node.Data(0), node.Data(1)));

    private static IReadOnlyList<TfValue> Passed(TfNode node, ChannelsLastGraph graph) => [.. Enumerable.Range(0, node.InputCount).Select(node.Input)];

    private static IReadOnlyList<TfValue> NotFolded(TfNode node, ChannelsLastGraph graph) =>
        throw node.Fault("is supported only on constants and shapes, and reads computed data here");

    private static IReadOnlyList<TfValue> Cast(TfNode node, ChannelsLastGraph graph)
    {
        var type = TfTypes.ElementOf(node.Type("DstT")) ?? throw node.Fault($"casts to {TfTypes.Of(node.Type("DstT"))}, which is not supported");
        var x = node.Data(0);
        return [new TfValue.Data(graph.Assembly.Value(x.Name).Type == type ? x : x with { Name = graph.Assembly.Emit(node.Name, new Cast(type), x.Name) })];
    }

    private static Laid Gather(TfNode node, ChannelsLastGraph graph)
    {
        if (node.Int("batch_dims", 0) != 0)
            throw node.Fault("gathers by batch, which is not supported");
        var axis = node.InputCount > 2 ? node.Ints(2, "axis") is [var given] ? given : throw node.Fault("its axis is no single number") : 0;
        return new(graph.Assembly.Emit(node.Name, new Gather(node.Axis(axis, node.Shape(0).Length)), graph.Plain(node.Data(0)), graph.Plain(node.Data(1))));
    }

    private static Laid AddN(TfNode node, ChannelsLastGraph graph)
    {
        var sum = node.Data(0);
        for (var i = 1; i < node.InputCount; i++)
            sum = graph.Binary(node.Name, new Add(), sum, node.Data(i));
        return sum;
    }

    private static bool ChannelsFirst(TfNode node) => node.Text("data_format", "NHWC") switch
    {
        "NHWC" => false,
        "NCHW" => true,
        var other => throw node.Fault($"data_format '{ModelImportException.OneLine(other)}' is not supported"),
    };

    /// <summary>A value of a channels-first node, whose axes are planar already, and back.</summary>
    private static Laid Planar(TfNode node, ChannelsLastGraph graph, int input) => new(graph.Plain(node.Data(input)), Planar: true);

    private static (Laid X, Func<Laid, Laid> Result) Image(TfNode node, ChannelsLastGraph graph)
    {
        if (node.Shape(0).Length != 4)
            throw node.Fault($"input [{string.Join(',', node.Shape(0))}] is no batch of images");
        return ChannelsFirst(node) ? (Planar(node, graph, 0), y => new(y.Name)) : (node.Data(0), y => y);
    }

    private static Laid Conv2D(TfNode node, ChannelsLastGraph graph)
    {
        var (x, result) = Image(node, graph);
        var kernel = Kernel(node);
        var (shape, first) = (graph.Shape(x), ChannelsFirst(node));
        if (kernel.Shape[2] == 0 || shape[3] % kernel.Shape[2] != 0)
            throw node.Fault($"a kernel [{string.Join(',', kernel.Shape)}] does not fit {shape[3]} channels");
        var window = TfShapes.Window(node, first, shape[1..3], kernel.Shape[..2]);
        return result(graph.Conv(node.Name, x, kernel, null, window, shape[3] / kernel.Shape[2]));
    }

    private static Laid Depthwise(TfNode node, ChannelsLastGraph graph)
    {
        var (x, result) = Image(node, graph);
        var kernel = Kernel(node);
        return result(graph.Depthwise(node.Name, x, kernel, null, TfShapes.Window(node, ChannelsFirst(node), graph.Shape(x)[1..3], kernel.Shape[..2])));
    }

    private static Tensor Kernel(TfNode node)
    {
        var kernel = node.Constant(1, "weights");
        return kernel.Shape.Length == 4 ? kernel : throw node.Fault($"has weights [{string.Join(',', kernel.Shape)}] where four axes are needed");
    }

    private static Laid Pool(TfNode node, ChannelsLastGraph graph, Func<Window, Operator> op)
    {
        var (x, result) = Image(node, graph);
        var kernel = TfShapes.Spatial(node, "ksize", ChannelsFirst(node), 2);
        return result(graph.Pool(node.Name, x, op, TfShapes.Window(node, ChannelsFirst(node), graph.Shape(x)[1..3], kernel)));
    }

    private static Laid BiasAdd(TfNode node, ChannelsLastGraph graph)
    {
        var (x, bias) = (node.Data(0), node.Data(1));
        if (!ChannelsFirst(node))
            return graph.Binary(node.Name, new Add(), x, bias);
        var planar = graph.Assembly.Emit(node.Name + "_bias", new Reshape([-1, .. Enumerable.Repeat(1L, Math.Max(0, node.Shape(0).Length - 2))]), bias.Name);
        return new(graph.Assembly.Emit(node.Name, new Add(), graph.Plain(x), planar));
    }

    private static Laid FusedBatchNorm(TfNode node, ChannelsLastGraph graph)
    {
        if (node.Flag("is_training", otherwise: true))
            throw node.Fault("is in training mode; export the model for inference");
        var (x, result) = Image(node, graph);
        return result(graph.BatchNorm(
            node.Name, x, node.Float("epsilon", 1e-4f),
            node.Constant(1, "scales"), node.Constant(2, "offsets"), node.Constant(3, "means"), node.Constant(4, "variances")));
    }

    private static Laid MatMul(TfNode node, ChannelsLastGraph graph)
    {
        var (a, b) = (graph.Plain(node.Data(0)), graph.Plain(node.Data(1)));
        var (transposeA, transposeB) = (node.Flag("transpose_a"), node.Flag("transpose_b"));
        Operator op = transposeA || transposeB ? new Gemm(1, 1, transposeA, transposeB) : new MatMul();
        return new(graph.Assembly.Emit(node.Name, op, a, b));
    }

    private static Laid BatchMatMul(TfNode node, ChannelsLastGraph graph)
    {
        return new(graph.Assembly.Emit(node.Name, new MatMul(), Operand(0, "adj_x"), Operand(1, "adj_y")));

        string Operand(int input, string flag)
        {
            var (value, rank) = (graph.Plain(node.Data(input)), node.Shape(input).Length);
            if (!node.Flag(flag) || rank < 2)
                return value;
            return graph.Assembly.Emit($"{node.Name}_{flag}", new Transpose([.. Enumerable.Range(0, rank - 2), rank - 1, rank - 2]), value);
        }
    }

    private static Laid Concat(TfNode node, ChannelsLastGraph graph, IEnumerable<int> parts, int axis)
    {
        var values = parts.Select(node.Data).ToList();
        if (values.Count == 0 || node.Ints(axis, "axis") is not [var given])
            throw node.Fault("joins nothing, or its axis is no number");
        return graph.Concat(node.Name, values, node.Axis(given, graph.Shape(values[0]).Length));
    }

    /// <summary>With a constant number this is a clamp, which engines have.</summary>
    private static Laid Extreme(TfNode node, ChannelsLastGraph graph, BinaryOperator op)
    {
        var constant = Bound(1) is not null ? 1 : Bound(0) is not null ? 0 : -1;
        if (constant < 0)
            return graph.Binary(node.Name, op, node.Data(0), node.Data(1));
        var bound = Bound(constant)!.Value;
        UnaryOperator clamp = op is Min ? new Clip(float.MinValue, bound) : bound == 0 ? new Relu() : new Clip(bound, float.MaxValue);
        return graph.Unary(node.Name, clamp, node.Data(1 - constant));

        float? Bound(int input) => node.Shape(input).Length == 0 && node.Folded(input) is { IsConstant: true, Numbers: [var number] } ? (float)number.Value : null;
    }

    private static int[] Axes(TfNode node)
    {
        var rank = node.Shape(0).Length;
        return [.. node.Ints(1, "axes").Select(a => node.Axis(a, rank)).Distinct().Order()];
    }

    private static Laid Pad(TfNode node, ChannelsLastGraph graph, float value)
    {
        var rank = node.Shape(0).Length;
        var given = node.Ints(1, "paddings");
        if (given.Length != 2 * rank)
            throw node.Fault($"{given.Length} paddings do not fit {rank} axes");
        var pads = new int[2 * rank];
        for (var axis = 0; axis < rank; axis++)
            (pads[axis], pads[axis + rank]) = (given[2 * axis], given[2 * axis + 1]);
        return graph.Pad(node.Name, node.Data(0), pads, value);
    }

    private static Laid Reshape(TfNode node, ChannelsLastGraph graph)
    {
        var target = node.Folded(1) ?? throw node.Fault("its target shape is not known at import");
        return graph.Reshape(node.Name, node.Data(0), TfShapes.Target(node, node.Shape(0), target), node.Fault);
    }

    private static Laid Sliced(TfNode node, ChannelsLastGraph graph, TfSlices cuts)
    {
        var part = graph.Slice(node.Name, node.Data(0), cuts.ToOperator());
        return graph.Reshape(node.Name + "_shape", part, cuts.Reshaped(graph.Shape(part)), node.Fault);
    }

    private static IReadOnlyList<TfValue> Split(TfNode node, ChannelsLastGraph graph, int input, int axis, int[]? sizes)
    {
        var size = node.Shape(input)[axis];
        var count = node.Int("num_split", 0);
        if (sizes is null)
        {
            if (count is < 1 or > 1024 || size < 0 || size % count != 0)
                throw node.Fault($"cannot split {size} into {count} equal parts");
            sizes = Enumerable.Repeat((int)(size / count), (int)count).ToArray();
        }
        if (size < 0 || sizes.Length > 1024 || sizes.Any(s => s < 1) || sizes.Sum(s => (long)s) != size)
            throw node.Fault($"parts of [{string.Join(',', sizes.Take(16))}] do not make up axis {axis} of [{string.Join(',', node.Shape(input))}]");
        var start = 0;
        return [.. sizes.Select((part, i) => (TfValue)new TfValue.Data(graph.Slice($"{node.Name}_{i}", node.Data(input), new([start], [start += part], [axis], [1]))))];
    }
}

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
        ["All"] = Of((n, g) => Any(n, g, new ReduceMin(Axes(n), n.Flag("keep_dims")))),
        ["Any"] = Of((n, g) => Any(n, g, new ReduceMax(Axes(n), n.Flag("keep_dims")))),
        ["AddN"] = Of(AddN),
        ["AddV2"] = Binary(new Add()),
        ["ArgMax"] = TfMovement.ArgMax,
        ["AvgPool"] = Of((n, g) => Pool(n, g, w => new AveragePool(w, false, false))),
        ["BatchMatMul"] = Of(BatchMatMul),
        ["BatchMatMulV2"] = Of(BatchMatMul),
        ["BatchMatMulV3"] = Of(BatchMatMul),
        ["BatchToSpaceND"] = Of(TfImages.BatchToSpace),
        ["BiasAdd"] = Of(BiasAdd),
        ["BroadcastTo"] = Of(TfMovement.BroadcastTo),
        ["Abs"] = Unary(_ => new Abs()),
        ["Cast"] = Cast,
        ["Ceil"] = Unary(_ => new Ceil()),
        ["CheckNumerics"] = Passed,
        ["Concat"] = Of((n, g) => TfMovement.Concat(n, g, Enumerable.Range(1, Math.Max(0, n.InputCount - 1)), 0)),
        ["ConcatV2"] = Of((n, g) => TfMovement.Concat(n, g, Enumerable.Range(0, Math.Max(0, n.InputCount - 1)), n.InputCount - 1)),
        ["Const"] = (n, _) => [new TfValue.Constant(TfTensors.Read(n.Tensor("value") ?? throw n.Fault("holds no tensor"), n.Fault))],
        ["Conv2D"] = Of(Conv2D),
        ["Conv2DBackpropInput"] = Of(ConvTranspose),
        ["Cos"] = Unary(_ => new Cos()),
        ["DepthToSpace"] = Of(TfImages.DepthToSpace),
        ["DepthwiseConv2dNative"] = Of(Depthwise),
        ["Div"] = Binary(new Div()),
        ["DivNoNan"] = Of(DivNoNan),
        ["Einsum"] = Of((n, g) => g.Einsum(n.Name, n.Text("equation", ""), n.Fault, [.. Enumerable.Range(0, n.InputCount).Select(n.Data)])),
        ["Elu"] = Unary(_ => new Elu(1)),
        ["EnsureShape"] = Passed,
        ["Equal"] = Compared(new Equal()),
        ["Erf"] = Unary(_ => new Erf()),
        ["Exp"] = Unary(_ => new Exp()),
        ["ExpandDims"] = Of((n, g) => g.Reshape(n.Name, n.Data(0), TfShapes.Expanded(n, n.Shape(0)), n.Fault)),
        ["FakeQuantWithMinMaxVars"] = Of(TfQuantization.Stepped),
        ["FakeQuantWithMinMaxVarsPerChannel"] = Of(TfQuantization.Stepped),
        ["Fill"] = Fill,
        ["Floor"] = Unary(_ => new Floor()),
        ["FloorDiv"] = NotFolded,
        ["FloorMod"] = NotFolded,
        ["FusedBatchNorm"] = Of(FusedBatchNorm),
        ["FusedBatchNormV2"] = Of(FusedBatchNorm),
        ["FusedBatchNormV3"] = Of(FusedBatchNorm),
        ["Gather"] = Of(TfMovement.Gather),
        ["GatherV2"] = Of(TfMovement.Gather),
        ["Greater"] = Compared(new Greater()),
        ["GreaterEqual"] = Compared(new GreaterOrEqual()),
        ["Identity"] = Passed,
        ["IdentityN"] = Passed,
        ["LRN"] = Of(TfImages.NormalizedByNeighbours),
        ["LeakyRelu"] = Unary(n => new LeakyRelu(n.Float("alpha", 0.2f))),
        ["Less"] = Compared(new Less()),
        ["LessEqual"] = Compared(new LessOrEqual()),
        ["LogicalAnd"] = Compared(new And()),
        ["LogicalNot"] = Of((n, g) => n.Data(0) is var x ? x with { Name = g.Assembly.Emit(n.Name, new Not(), x.Name) } : default),
        ["LogicalOr"] = Compared(new Or()),
        ["Log"] = Unary(_ => new Log()),
        ["LogSoftmax"] = Of((n, g) => new(g.Assembly.Emit(n.Name, new LogSoftmax(n.Shape(0).Length - 1), g.Plain(n.Data(0))))),
        ["MatMul"] = Of(MatMul),
        ["Max"] = Of((n, g) => g.Reduce(n.Name, new ReduceMax(Axes(n), n.Flag("keep_dims")), n.Data(0))),
        ["MaxPool"] = Of((n, g) => Pool(n, g, w => new MaxPool(w, false))),
        ["Maximum"] = Of((n, g) => Extreme(n, g, new Max())),
        ["Mean"] = Of((n, g) => g.Reduce(n.Name, new ReduceMean(Axes(n), n.Flag("keep_dims")), n.Data(0))),
        ["Min"] = Of((n, g) => g.Reduce(n.Name, new ReduceMin(Axes(n), n.Flag("keep_dims")), n.Data(0))),
        ["Minimum"] = Of((n, g) => Extreme(n, g, new Min())),
        ["MirrorPad"] = Of(TfMovement.MirrorPad),
        ["Mul"] = Binary(new Mul()),
        ["Neg"] = Unary(_ => new Neg()),
        ["NotEqual"] = Of((n, g) => new(g.Assembly.Emit(n.Name, new Not(), g.Assembly.Emit(n.Name + "_equal", new Equal(), g.Plain(n.Data(0)), g.Plain(n.Data(1)))))),
        ["OneHot"] = Of(TfMovement.OneHot),
        ["OnesLike"] = Of((n, g) => Like(n, g, 1)),
        ["Pack"] = Of(TfMovement.Pack),
        ["Pad"] = Of((n, g) => TfMovement.Pad(n, g, 0)),
        ["PadV2"] = Of((n, g) => TfMovement.Pad(n, g, n.Scalar(2, "value"))),
        ["PlaceholderWithDefault"] = Passed,
        ["Pow"] = Binary(new Pow()),
        ["PreventGradient"] = Passed,
        ["Prod"] = Of((n, g) => g.Reduce(n.Name, new ReduceProd(Axes(n), n.Flag("keep_dims")), n.Data(0))),
        ["Range"] = NotFolded,
        ["Rank"] = NotFolded,
        ["RealDiv"] = Binary(new Div()),
        ["Relu"] = Unary(_ => new Relu()),
        ["Relu6"] = Unary(_ => new Clip(0, 6)),
        ["Reshape"] = Of(TfMovement.Reshape),
        ["ReverseV2"] = Of((n, g) => Axes(n) is var axes ? g.Slice(n.Name, n.Data(0), new(Array.ConvertAll(axes, _ => -1), Array.ConvertAll(axes, _ => int.MinValue), axes, Array.ConvertAll(axes, _ => -1))) : default),
        ["ResizeBilinear"] = Of((n, g) => TfImages.Resize(n, g, linear: true)),
        ["ResizeNearestNeighbor"] = Of((n, g) => TfImages.Resize(n, g, linear: false)),
        ["Round"] = Unary(_ => new Round()),
        ["Rsqrt"] = Of((n, g) => g.Unary(n.Name, new Reciprocal(), g.Unary(n.Name + "_root", new Sqrt(), n.Data(0)))),
        ["Select"] = Of(Select),
        ["SelectV2"] = Of(Select),
        ["Selu"] = Of((n, g) => Activations.Selu(n.Name, n.Data(0), g)),
        ["Shape"] = NotFolded,
        ["Sigmoid"] = Unary(_ => new Sigmoid()),
        ["Sign"] = Unary(_ => new Sign()),
        ["Sin"] = Unary(_ => new Sin()),
        ["Size"] = NotFolded,
        ["Slice"] = Of((n, g) => TfMovement.Sliced(n, g, TfSlices.OfSlice(n, n.Shape(0)))),
        ["Snapshot"] = Passed,
        ["Softmax"] = Of((n, g) => g.Softmax(n.Name, n.Data(0), n.Axis(-1, n.Shape(0).Length))),
        ["Softplus"] = Unary(_ => new Softplus()),
        ["Softsign"] = Unary(_ => new Softsign()),
        ["SpaceToBatchND"] = Of(TfImages.SpaceToBatch),
        ["SpaceToDepth"] = Of(TfImages.SpaceToDepth),
        ["Split"] = (n, g) => TfMovement.Split(n, g, 1, n.Axis(n.Ints(0, "axis") is [var a] ? a : throw n.Fault("its axis is no number"), n.Shape(1).Length), null),
        ["SplitV"] = (n, g) => TfMovement.Split(n, g, 0, n.Axis(n.Ints(2, "axis") is [var a] ? a : throw n.Fault("its axis is no number"), n.Shape(0).Length), n.Ints(1, "sizes")),
        ["Sqrt"] = Unary(_ => new Sqrt()),
        ["Square"] = Of((n, g) => g.Binary(n.Name, new Mul(), n.Data(0), n.Data(0))),
        ["SquaredDifference"] = Of((n, g) => g.Binary(n.Name + "_difference", new Sub(), n.Data(0), n.Data(1)) is var d ? g.Binary(n.Name, new Mul(), d, d) : default),
        ["Squeeze"] = Of((n, g) => g.Reshape(n.Name, n.Data(0), TfShapes.Squeezed(n, n.Shape(0)), n.Fault)),
        ["StopGradient"] = Passed,
        ["StridedSlice"] = Of((n, g) => TfMovement.Sliced(n, g, TfSlices.OfStridedSlice(n, n.Shape(0)))),
        ["Sub"] = Binary(new Sub()),
        ["Sum"] = Of((n, g) => g.Reduce(n.Name, new ReduceSum(Axes(n), n.Flag("keep_dims")), n.Data(0))),
        ["Tanh"] = Unary(_ => new Tanh()),
        ["TensorListFromTensor"] = TfLists.FromTensor,
        ["TensorListGetItem"] = TfLists.Get,
        ["TensorListLength"] = TfLists.Count,
        ["TensorListReserve"] = TfLists.Reserve,
        ["TensorListSetItem"] = TfLists.Set,
        ["TensorListStack"] = TfLists.Stack,
        ["Tile"] = Of(TfMovement.Tile),
        ["Unpack"] = TfMovement.Unpack,
        ["ZerosLike"] = Of((n, g) => Like(n, g, 0)),
        ["Transpose"] = Of((n, g) => new(g.Assembly.Emit(n.Name, new Transpose(n.Ints(1, "permutation")), g.Plain(n.Data(0))))),
    };

    /// <summary>What <see cref="TfWalker"/> takes itself: calls, variables and branches.</summary>
    public static readonly IReadOnlyList<string> OfWalker =
        ["If", "Merge", "PartitionedCall", "Placeholder", "ReadVariableOp", "ResourceGather", "StatefulPartitionedCall", "StatelessIf", "StatelessWhile", "Switch", "VarHandleOp", "Variable", "VariableV2", "While"];

    /// <summary>Names for the README: those above.</summary>
    public static IEnumerable<string> Supported => All.Keys
        .Concat(OfWalker)
        .Order(StringComparer.Ordinal)
        .Select(op => TfFolding.OnlyFolded.Contains(op) ? $"{op} (of constants and shapes)" : op);

    private static Converter Of(Computed compute) => (node, graph) => [new TfValue.Data(compute(node, graph))];

    private static Converter Unary(Func<TfNode, UnaryOperator> op) => Of((node, graph) => graph.Unary(node.Name, op(node), node.Data(0)));

    private static Converter Binary(BinaryOperator op) => Of((node, graph) => graph.Binary(node.Name, op, node.Data(0), node.Data(1)));

    private static IReadOnlyList<TfValue> Passed(TfNode node, ChannelsLastGraph graph) => [.. Enumerable.Range(0, node.InputCount).Select(node.Input)];

    private static IReadOnlyList<TfValue> NotFolded(TfNode node, ChannelsLastGraph graph) =>
        throw node.Fault("is supported only on constants and shapes, and reads computed data here");

    private static Converter Compared(Operator op) => Of((node, graph) => new(graph.Assembly.Emit(node.Name, op, graph.Plain(node.Data(0)), graph.Plain(node.Data(1)))));

    /// <summary>Whether any or all along some axes are true: the largest or smallest of ones and zeros.</summary>
    private static Laid Any(TfNode node, ChannelsLastGraph graph, ReduceOperator op)
    {
        var numbers = graph.Assembly.Emit(node.Name + "_numbers", new Cast(ElementType.Float32), graph.Plain(node.Data(0)));
        return new(graph.Assembly.Emit(node.Name, new Cast(ElementType.Bool), graph.Assembly.Emit(node.Name + "_extreme", op, numbers)));
    }

    /// <summary>The same number everywhere, in a shape that depends on the batch or is large; others are folded.</summary>
    private static IReadOnlyList<TfValue> Fill(TfNode node, ChannelsLastGraph graph)
    {
        if (node.Folded(0) is not { } shape || node.Folded(1) is not { IsConstant: true, Type: ElementType.Float32, Numbers: [var number] })
            throw node.Fault("fills a shape or with a number that is computed from data, which is not supported");
        return shape.IsConstant
            ? [new TfValue.Data(new(graph.Assembly.Emit(node.Name, new Expand([.. shape.Numbers.Select(n => (long)n.Value)]), graph.Assembly.Constant(node.Name + "_number", Tensor.Of([(float)number.Value])))))]
            : [new TfValue.Filled(node.Name, shape.Numbers, (float)number.Value)];
    }

    /// <summary>A number in the shape of a value.</summary>
    private static Laid Like(TfNode node, ChannelsLastGraph graph, float number)
    {
        if (graph.Assembly.Value(graph.Plain(node.Data(0))).Type != ElementType.Float32)
            throw node.Fault("makes whole numbers of a shape that depends on data, which is not supported");
        var numbers = Array.ConvertAll(node.Shape(0), FoldedNumber.OfDimension);
        Laid value = new(graph.Assembly.Constant(node.Name + "_number", Tensor.Of([number])));
        return numbers.Any(n => n.PerBatch != 0)
            ? graph.PerSample(node.Name, numbers, value, node.Fault)
            : new(graph.Assembly.Emit(node.Name, new Expand([.. numbers.Select(n => (long)n.Value)]), value.Name));
    }

    /// <summary>A condition of fewer axes belongs to the first ones, as the older operator has it.</summary>
    private static Laid Select(TfNode node, ChannelsLastGraph graph)
    {
        Laid condition = new(graph.Plain(node.Data(0)));
        var (has, wanted) = (graph.Shape(condition), node.Shape(1));
        if (node.Op == "Select" && has.Length > 0 && has.Length < wanted.Length)
            condition = graph.Reshape(node.Name + "_condition", condition, [.. has, .. Enumerable.Repeat(1, wanted.Length - has.Length)], node.Fault);
        return new(graph.Assembly.Emit(node.Name, new Where(), condition.Name, graph.Plain(node.Data(1)), graph.Plain(node.Data(2))));
    }

    private static IReadOnlyList<TfValue> Cast(TfNode node, ChannelsLastGraph graph)
    {
        var type = TfTypes.ElementOf(node.Type("DstT")) ?? throw node.Fault($"casts to {TfTypes.Of(node.Type("DstT"))}, which is not supported");
        var x = node.Data(0);
        return [new TfValue.Data(graph.Assembly.Value(x.Name).Type == type ? x : x with { Name = graph.Assembly.Emit(node.Name, new Cast(type), x.Name) })];
    }

    /// <summary>a / b, and 0 where b is.</summary>
    private static Laid DivNoNan(TfNode node, ChannelsLastGraph graph)
    {
        var (a, b) = (graph.Plain(node.Data(0)), graph.Plain(node.Data(1)));
        var zero = graph.Assembly.Constant(node.Name + "_zero", Tensor.Of([0f], []));
        var none = graph.Assembly.Emit(node.Name + "_none", new Equal(), b, zero);
        return new(graph.Assembly.Emit(node.Name, new Where(), none, zero, graph.Assembly.Emit(node.Name + "_quotient", new Div(), a, b)));
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

    // The gradient of a convolution by its input: the size of the result, the kernel, and what is enlarged.
    private static Laid ConvTranspose(TfNode node, ChannelsLastGraph graph)
    {
        var (first, kernel) = (ChannelsFirst(node), Kernel(node));
        if (node.Shape(2).Length != 4 || node.Folded(0) is not { Numbers: { Length: 4 } wanted })
            throw node.Fault($"input [{string.Join(',', node.Shape(2))}] is no batch of images, or the size of the result is not known at import");
        var sizes = Array.ConvertAll(first ? wanted[2..] : wanted[1..3], n => n is { PerBatch: 0, Value: >= 1 and <= 1 << 15 } ? (int)n.Value : throw node.Fault("the size of its result is no number"));
        var padding = node.Text("padding", "VALID");
        if (padding is not ("VALID" or "SAME"))
            throw node.Fault($"padding '{ModelImportException.OneLine(padding)}' is not supported");
        var x = first ? Planar(node, graph, 2) : node.Data(2);
        var y = graph.ConvTranspose(node.Name, x, kernel, null, TfShapes.Spatial(node, "strides", first, 2), TfShapes.Spatial(node, "dilations", first, 2), sizes, padding == "SAME");
        return first ? new(y.Name) : y;
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
            return Standardized(node, graph) ?? throw node.Fault("is in training mode; export the model for inference");
        var (x, result) = Image(node, graph);
        return result(graph.BatchNorm(
            node.Name, x, node.Float("epsilon", 1e-4f),
            node.Constant(1, "scales"), node.Constant(2, "offsets"), node.Constant(3, "means"), node.Constant(4, "variances")));
    }

    /// <summary>
    /// Keras 2 normalises layers by a batch-norm in training mode, over samples that it lays out as the channels of a single image,
    /// and scales the result itself.
    /// </summary>
    private static Laid? Standardized(TfNode node, ChannelsLastGraph graph)
    {
        if (!ChannelsFirst(node) || node.Shape(0) is not [1, var samples, > 0 and var height, > 0 and var width] || node.Uniform(1) != 1 || node.Uniform(2) != 0)
            return null;
        var size = checked(height * width);
        var rows = graph.Reshape(node.Name + "_rows", node.Data(0), [samples, size], node.Fault);
        var scale = graph.Assembly.Constant(node.Name + "_scale", Tensor.Of(Enumerable.Repeat(1f, size).ToArray(), size));
        Laid normal = new(graph.Assembly.Emit(node.Name, new LayerNormalization(1, node.Float("epsilon", 1e-4f)), graph.Plain(rows), scale));
        return graph.Reshape(node.Name + "_image", normal, [1, samples, height, width], node.Fault);
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
}

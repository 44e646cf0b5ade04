using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>
/// Functions of tensors and Python's operators, applied to the outputs of layers, which Keras records as layers of their own: Keras 2
/// by the function's name with its arguments at the call, Keras 3 by a class of keras.ops with its arguments as configuration.
/// </summary>
internal static class KerasFunctions
{
    private delegate Laid Function(KerasFunction f);

    private static readonly Dictionary<string, Function> _all = new()
    {
        ["abs"] = Unary(new Abs()),
        ["absolute"] = Unary(new Abs()),
        ["add"] = Binary(new Add()),
        ["cast"] = f => f.Graph.Cast(f.Name, f.X, TypeOf(f)),
        ["clip"] = Clipped,
        ["clip_by_value"] = Clipped,
        ["concat"] = f => f.Graph.Concat(f.Name, f.Operands, f.Axis(f.Option("axis").Int(-1))),
        ["concatenate"] = f => f.Graph.Concat(f.Name, f.Operands, f.Axis(f.Option("axis").Int(-1))),
        ["cos"] = Unary(new Cos()),
        ["div"] = Binary(new Div()),
        ["divide"] = Binary(new Div()),
        ["elu"] = f => f.Graph.Unary(f.Name, new Elu((float)f.Option("alpha").Number(1)), f.X),
        ["exp"] = Unary(new Exp()),
        ["expand_dims"] = f => f.Reshaped([.. f.Shape[..f.Axis(f.Option("axis").Int(0), 1)], 1, .. f.Shape[f.Axis(f.Option("axis").Int(0), 1)..]]),
        ["floor"] = Unary(new Floor()),
        ["gelu"] = f => Activations.Gelu(f.Name, f.X, f.Option("approximate").Flag(false), f.Graph),
        ["getitem"] = f => KerasItems.Pick(f),
        ["identity"] = f => f.X,
        ["l2_normalize"] = f => KerasNormalizations.UnitLength(f.Name, f.X, f.Option("axis") is { IsNull: false } axis ? Axes(f, axis) : throw f.Fault("normalizes over the batch, which is not supported"), f.Graph, (float)f.Option("epsilon").Number(1e-12)),
        ["leaky_relu"] = f => f.Graph.Unary(f.Name, new LeakyRelu((float)f.Option("negative_slope", "alpha").Number(0.2)), f.X),
        ["log"] = Unary(new Log()),
        ["log_softmax"] = f => new(f.Graph.Assembly.Emit(f.Name, new LogSoftmax(f.Axis(f.Option("axis").Int(-1))), f.Graph.Plain(f.X))),
        ["matmul"] = f => f.Operands is [var a, var b] ? new(f.Graph.Assembly.Emit(f.Name, new MatMul(), f.Graph.Plain(a), f.Graph.Plain(b))) : throw f.Fault("does not multiply two values"),
        ["amax"] = Reduced((axes, keep) => new ReduceMax(axes, keep)),
        ["max"] = Reduced((axes, keep) => new ReduceMax(axes, keep)),
        ["maximum"] = Binary(new Max()),
        ["mean"] = Reduced((axes, keep) => new ReduceMean(axes, keep)),
        ["amin"] = Reduced((axes, keep) => new ReduceMin(axes, keep)),
        ["min"] = Reduced((axes, keep) => new ReduceMin(axes, keep)),
        ["minimum"] = Binary(new Min()),
        ["mul"] = Binary(new Mul()),
        ["multiply"] = Binary(new Mul()),
        ["neg"] = Unary(new Neg()),
        ["negative"] = Unary(new Neg()),
        ["pow"] = Binary(new Pow()),
        ["power"] = Binary(new Pow()),
        ["reduce_max"] = Reduced((axes, keep) => new ReduceMax(axes, keep)),
        ["reduce_mean"] = Reduced((axes, keep) => new ReduceMean(axes, keep)),
        ["reduce_min"] = Reduced((axes, keep) => new ReduceMin(axes, keep)),
        ["reduce_sum"] = Reduced((axes, keep) => new ReduceSum(axes, keep)),
        ["relu"] = Unary(new Relu()),
        ["relu6"] = Unary(new Clip(0, 6)),
        ["reshape"] = Reshape,
        ["resize"] = Resize,
        ["rsqrt"] = f => f.Graph.Unary(f.Name, new Reciprocal(), f.Graph.Unary(f.Name + "_root", new Sqrt(), f.X)),
        ["selu"] = f => Activations.Selu(f.Name, f.X, f.Graph),
        ["sigmoid"] = Unary(new Sigmoid()),
        ["silu"] = f => Activations.Swish(f.Name, f.X, f.Graph),
        ["sin"] = Unary(new Sin()),
        ["softmax"] = f => f.Graph.Softmax(f.Name, f.X, f.Axis(f.Option("axis").Int(-1))),
        ["softplus"] = Unary(new Softplus()),
        ["softsign"] = Unary(new Softsign()),
        ["sqrt"] = Unary(new Sqrt()),
        ["square"] = f => f.Graph.Binary(f.Name, new Mul(), f.X, f.X),
        ["squeeze"] = Squeeze,
        ["stack"] = Stack,
        ["stop_gradient"] = f => f.X,
        ["sub"] = Binary(new Sub()),
        ["subtract"] = Binary(new Sub()),
        ["sum"] = Reduced((axes, keep) => new ReduceSum(axes, keep)),
        ["swish"] = f => Activations.Swish(f.Name, f.X, f.Graph),
        ["tanh"] = Unary(new Tanh()),
        ["tile"] = Tile,
        ["transpose"] = Transpose,
        ["true_divide"] = Binary(new Div()),
        ["truediv"] = Binary(new Div()),
    };

    /// <summary>The function of several results; that of a shape is <see cref="KerasKnown"/>'s.</summary>
    private const string SplitName = "split";

    public static IEnumerable<string> Supported => _all.Keys.Concat([SplitName, "shape"]).Order(StringComparer.Ordinal);

    /// <summary>The function that a layer of the configuration stands for; null for a real layer.</summary>
    public static string? NameOf(KerasLayer layer)
    {
        // Keras 2 names the function; in Keras 3 the operation is a class outside of keras.layers.
        if (layer.Class is "TFOpLambda" or "SlicingOpLambda")
            return layer.Config["function"].Text();
        return layer.Module.Contains(".ops.", StringComparison.Ordinal) ? layer.Class : null;
    }

    public static IReadOnlyList<Laid> Apply(string function, KerasLayer layer, KerasLayerCall call, IReadOnlyList<Laid> operands, KerasKnown known, ChannelsLastGraph graph)
    {
        var simple = Simple(function[(function.LastIndexOf('.') + 1)..]);
        var called = new KerasFunction(layer, call, operands, known, graph);
        Function? apply = null;
        if (simple != SplitName && !_all.TryGetValue(simple, out apply))
            throw layer.Fault($"the function '{ModelImportException.OneLine(function)}' is not supported; {ImportFault.SeeList}");
        try
        {
            return apply is null ? Split(called) : [apply(called)];
        }
        catch (InvalidGraphException e)
        {
            throw layer.Fault(e.Message);
        }
    }

    /// <summary>"GetItem" and "__getitem__" are getitem, "ExpandDims" is expand_dims.</summary>
    internal static string Simple(string name)
    {
        var simple = string.Concat(name.Trim('_').Select((c, i) => char.IsUpper(c) && i > 0 && char.IsLower(name[i - 1]) ? "_" + char.ToLowerInvariant(c) : char.ToLowerInvariant(c).ToString()));
        return simple == "get_item" ? "getitem" : simple;
    }

    private static Function Unary(UnaryOperator op) => f => f.Graph.Unary(f.Name, op, f.X);

    private static Function Binary(BinaryOperator op) => f => f.Operands is [var a, var b] ? f.Graph.Binary(f.Name, op, a, b) : throw f.Fault($"has {f.Operands.Count} operands that are known, where 2 are needed");

    private static Function Reduced(Func<int[], bool, ReduceOperator> op) => f =>
    {
        var given = f.Option("axis");
        return f.Graph.Reduce(f.Name, op(given.IsNull ? [.. Enumerable.Range(0, f.Shape.Length)] : Axes(f, given), f.Option("keepdims", "keep_dims").Flag(false)), f.X);
    };

    /// <summary>One axis or several, in order.</summary>
    private static int[] Axes(KerasFunction f, KerasJson given) =>
        [.. (given.IsNumber ? [given.Int(0)] : given.Items.Select(i => i.Int(0))).Select(a => f.Axis(a)).Distinct().Order()];

    private static ElementType TypeOf(KerasFunction f) => (f.Option("dtype").IsText ? f.Option("dtype").Text() : "float32") switch
    {
        "int32" => ElementType.Int32,
        "int64" => ElementType.Int64,
        "bool" => ElementType.Bool,
        var type when type.Contains("float", StringComparison.Ordinal) => ElementType.Float32,
        var other => throw f.Fault($"casts to {ModelImportException.OneLine(other)}, which is not supported"),
    };

    private static Laid Clipped(KerasFunction f)
    {
        var (low, high) = (f.Option("x_min", "clip_value_min", "min"), f.Option("x_max", "clip_value_max", "max"));
        return f.Graph.Unary(f.Name, new Clip((float)low.Number(float.MinValue), (float)high.Number(float.MaxValue)), f.X);
    }

    private static Laid Reshape(KerasFunction f)
    {
        var wanted = f.Option("newshape", "shape", "target_shape");
        // -1 first is the batch where all other sizes are given, and is found out otherwise.
        FoldedNumber[] numbers = KerasReference.TryRead(wanted) is not null ? Numbers(wanted) : [.. wanted.Items.SelectMany(Numbers)];
        if (numbers.Length == 0)
            throw f.Fault("has no target shape");
        return f.Reshaped(TargetShapes.Resolved(f.Shape, numbers, zeroCopies: false, f.Fault));

        FoldedNumber[] Numbers(KerasJson size) => size.IsNull || size.IsNumber ? [new(size.Int(-1))]
            : KerasReference.TryRead(size) is { } reference && f.Known(reference) is { } value ? value.Numbers
            : throw f.Fault("its target shape is computed from data, which is not supported");
    }

    /// <summary>Images of another size. TensorFlow 1's function of this name looks at other places of the image.</summary>
    private static Laid Resize(KerasFunction f)
    {
        var kept = new[] { "preserve_aspect_ratio", "antialias", "crop_to_aspect_ratio", "pad_to_aspect_ratio" }.FirstOrDefault(s => f.Option(s).Flag(false));
        if (f.Shape.Length != 4 || f.Option("size").Ints(2) is not [> 0 and var height, > 0 and var width] || kept is not null
            || f.Option("data_format").Text("channels_last") != "channels_last" || f.Option("function").Text().StartsWith("compat.v1.", StringComparison.Ordinal))
            throw f.Fault($"resizes [{string.Join(',', f.Shape)}]{(kept is null ? "" : $" with {kept}")} in a way that is not supported");
        var rounding = f.Option("method", "interpolation").Text("bilinear") switch
        {
            "bilinear" => ResizeRounding.Linear,
            "nearest" => ResizeRounding.RoundPreferCeil,
            var other => throw f.Fault($"interpolation '{ModelImportException.OneLine(other)}' is not supported; supported are nearest and bilinear"),
        };
        return f.Graph.Resize(f.Name, f.X, new([height, width], [(float)((double)height / f.Shape[1]), (float)((double)width / f.Shape[2])], ResizeCoordinates.HalfPixel, rounding));
    }

    /// <summary>Equal parts, parts of given sizes (Keras 2) or parts between given positions (Keras 3).</summary>
    private static IReadOnlyList<Laid> Split(KerasFunction f)
    {
        var axis = f.Axis(f.Option("axis").Int(0));
        var (size, given, positions) = (f.Shape[axis], f.Option("num_or_size_splits"), f.Option("indices_or_sections"));
        var equal = (given.IsNull ? positions : given) is { IsNumber: true } number ? number.Int(1) : 0;
        if (size < 1 || equal < 0 || equal > 0 && size % equal != 0)
            throw f.Fault($"cannot split axis {axis} of [{string.Join(',', f.Shape)}] into {equal} equal parts");
        var at = 0;
        int[] ends = equal > 0 ? [.. Enumerable.Range(1, equal).Select(i => size / equal * i)]
            : given.IsNull ? [.. positions.Items.Select(i => i.Int(0)), size]
            : [.. given.Items.Select(i => at = checked(at + i.Int(0)))];
        if (ends.Length is 0 or > 1024 || ends[^1] != size || ends.Zip(ends.Prepend(0)).Any(e => e.First <= e.Second))
            throw f.Fault($"parts that end at [{string.Join(',', ends.Take(16))}] do not make up axis {axis} of [{string.Join(',', f.Shape)}]");
        return [.. ends.Select((end, i) => f.Graph.Slice($"{f.Name}_{i}", f.X, new([i == 0 ? 0 : ends[i - 1]], [end], [axis], [1])))];
    }

    /// <summary>Repeats along each axis; what is given for fewer axes is about the last ones.</summary>
    private static Laid Tile(KerasFunction f)
    {
        int[] repeats = [.. f.Option("multiples", "repeats", "reps").Items.Select(i => i.Int(0))];
        if (repeats.Length == 0 || repeats.Length > f.Shape.Length || repeats.Any(r => r is < 1 or > 1 << 12))
            throw f.Fault($"cannot repeat [{string.Join(',', f.Shape)}] by [{string.Join(',', repeats.Take(16))}]");
        var x = f.X;
        foreach (var (i, count) in repeats.Index())
            if (count > 1)
                x = f.Graph.Concat(f.Name, [.. Enumerable.Repeat(x, count)], f.Shape.Length - repeats.Length + i);
        return x;
    }

    private static Laid Squeeze(KerasFunction f)
    {
        var given = f.Option("axis");
        int[] axes = given.IsNull ? [.. Enumerable.Range(0, f.Shape.Length).Where(i => f.Shape[i] == 1)] : given.IsNumber ? [f.Axis(given.Int(0))] : [.. given.Items.Select(i => f.Axis(i.Int(0)))];
        return axes.All(a => f.Shape[a] == 1) ? f.Reshaped([.. f.Shape.Where((_, i) => !axes.Contains(i))]) : throw f.Fault($"squeezes an axis of [{string.Join(',', f.Shape)}] that is not 1");
    }

    private static Laid Stack(KerasFunction f)
    {
        var axis = f.Axis(f.Option("axis").Int(0), 1);
        return f.Graph.Concat(f.Name, [.. f.Operands.Select((x, i) => f.Graph.Reshape($"{f.Name}_{i}", x, [.. f.Graph.Shape(x)[..axis], 1, .. f.Graph.Shape(x)[axis..]], f.Fault))], axis);
    }

    private static Laid Transpose(KerasFunction f)
    {
        var given = f.Option("axes", "perm");
        int[] order = given.IsNull ? [.. Enumerable.Range(0, f.Shape.Length).Reverse()] : [.. given.Items.Select(i => i.Int(0))];
        return new(f.Graph.Assembly.Emit(f.Name, new Transpose(order), f.Graph.Plain(f.X)));
    }
}

/// <summary>A function being applied.</summary>
internal sealed class KerasFunction(KerasLayer layer, KerasLayerCall call, IReadOnlyList<Laid> operands, KerasKnown known, ChannelsLastGraph graph)
{
    public string Name => layer.Name;

    public ChannelsLastGraph Graph => graph;

    public IReadOnlyList<Laid> Operands => operands;

    public KerasLayerCall Call => call;

    public Laid X => operands.Count > 0 ? operands[0] : throw Fault("is applied to nothing");

    public int[] Shape => graph.Shape(X);

    /// <summary>What is known at import of an output that is computed from shapes.</summary>
    public FoldedValue? Known(KerasReference reference) => known.Of(reference);

    /// <summary>An argument that is no tensor: of the call, or of the class.</summary>
    public KerasJson Option(params ReadOnlySpan<string> names) =>
        (call.Options with { Place = layer.Place })[names] is { IsNull: false } given ? given : layer.Config[names];

    /// <param name="more">Axes that the result has beyond the operand's.</param>
    public int Axis(int axis, int more = 0)
    {
        var rank = Shape.Length + more;
        var index = axis < 0 ? axis + rank : axis;
        return index >= 0 && index < rank ? index : throw Fault($"axis {axis} is outside [{string.Join(',', Shape)}]");
    }

    public Laid Reshaped(int[] to) => graph.Reshape(Name, X, to, Fault);

    public ImportFault Fault(string what) => layer.Fault(what);
}

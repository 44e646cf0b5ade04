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
        ["cast"] = f => f.Graph.Assembly.Value(f.X.Name).Type == ElementType.Float32 ? f.X : f.X with { Name = f.Graph.Assembly.Emit(f.Name, new Cast(ElementType.Float32), f.X.Name) },
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
        ["transpose"] = Transpose,
        ["true_divide"] = Binary(new Div()),
        ["truediv"] = Binary(new Div()),
    };

    public static IEnumerable<string> Supported => _all.Keys.Order(StringComparer.Ordinal);

    /// <summary>The function that a layer of the configuration stands for; null for a real layer.</summary>
    public static string? NameOf(KerasLayer layer)
    {
        // Keras 2 names the function; in Keras 3 the operation is a class outside of keras.layers.
        if (layer.Class is "TFOpLambda" or "SlicingOpLambda")
            return layer.Config["function"].Text();
        return layer.Module.Contains(".ops.", StringComparison.Ordinal) ? layer.Class : null;
    }

    public static IReadOnlyList<Laid> Apply(string function, KerasLayer layer, KerasLayerCall call, IReadOnlyList<Laid> operands, ChannelsLastGraph graph)
    {
        var simple = Simple(function[(function.LastIndexOf('.') + 1)..]);
        var called = new KerasFunction(layer, call, operands, graph);
        if (!_all.TryGetValue(simple, out var apply))
            throw layer.Fault($"the function '{ModelImportException.OneLine(function)}' is not supported; supported are {string.Join(", ", Supported)}");
        try
        {
            return [apply(called)];
        }
        catch (InvalidGraphException e)
        {
            throw layer.Fault(e.Message);
        }
    }

    /// <summary>"GetItem" and "__getitem__" are getitem, "ExpandDims" is expand_dims.</summary>
    private static string Simple(string name)
    {
        var simple = string.Concat(name.Trim('_').Select((c, i) => char.IsUpper(c) && i > 0 && char.IsLower(name[i - 1]) ? "_" + char.ToLowerInvariant(c) : char.ToLowerInvariant(c).ToString()));
        return simple == "get_item" ? "getitem" : simple;
    }

    private static Function Unary(UnaryOperator op) => f => f.Graph.Unary(f.Name, op, f.X);

    private static Function Binary(BinaryOperator op) => f => f.Operands is [var a, var b] ? f.Graph.Binary(f.Name, op, a, b) : throw f.Fault($"has {f.Operands.Count} operands that are known, where 2 are needed");

    private static Function Reduced(Func<int[], bool, ReduceOperator> op) => f =>
    {
        var given = f.Option("axis");
        int[] axes = given.IsNull ? [.. Enumerable.Range(0, f.Shape.Length)] : given.IsNumber ? [given.Int(0)] : [.. given.Items.Select(i => i.Int(0))];
        return f.Graph.Reduce(f.Name, op([.. axes.Select(a => f.Axis(a)).Distinct().Order()], f.Option("keepdims", "keep_dims").Flag(false)), f.X);
    };

    private static Laid Clipped(KerasFunction f)
    {
        var (low, high) = (f.Option("x_min", "clip_value_min", "min"), f.Option("x_max", "clip_value_max", "max"));
        return f.Graph.Unary(f.Name, new Clip((float)low.Number(float.MinValue), (float)high.Number(float.MaxValue)), f.X);
    }

    private static Laid Reshape(KerasFunction f)
    {
        var wanted = f.Option("newshape", "shape", "target_shape").Items;
        if (wanted.Count == 0 || wanted.Any(d => !d.IsNumber && !d.IsNull))
            throw f.Fault("its target shape is computed, which is not supported");
        var shape = wanted.Select(d => d.Int(-1)).ToArray();
        // -1 first is the batch where all other sizes are given, and is found out otherwise.
        var numbers = Array.ConvertAll(shape, d => new FoldedNumber(d));
        return f.Reshaped(TargetShapes.Resolved(f.Shape, numbers, zeroCopies: false, f.Fault));
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
internal sealed class KerasFunction(KerasLayer layer, KerasLayerCall call, IReadOnlyList<Laid> operands, ChannelsLastGraph graph)
{
    public string Name => layer.Name;

    public ChannelsLastGraph Graph => graph;

    public IReadOnlyList<Laid> Operands => operands;

    public KerasLayerCall Call => call;

    public Laid X => operands.Count > 0 ? operands[0] : throw Fault("is applied to nothing");

    public int[] Shape => graph.Shape(X);

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

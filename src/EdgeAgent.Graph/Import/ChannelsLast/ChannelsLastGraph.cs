using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.ChannelsLast;

/// <summary>
/// Emits the operators of channels-last frameworks (TensorFlow, Keras) into the planar IR. A value stays planar from its
/// first convolution or pool until an operator depends on the order of axes, so that a Transpose is emitted only at an
/// image's entry and where the model really looks at its axes. All shapes and axes here are the model's.
/// </summary>
internal sealed class ChannelsLastGraph(GraphAssembly graph)
{
    private readonly Dictionary<string, string> _planar = [];
    private readonly Dictionary<string, string> _plain = [];
    private BlockedImages? _blocked;
    private string? _ones;

    public BlockedImages Blocked => _blocked ??= new(this);

    public GraphAssembly Assembly => graph;

    public int[] Shape(Laid x) => x.Planar ? PlanarAxes.Original(graph.Shape(x.Name)) : graph.Shape(x.Name);

    /// <summary>The value with its axes as the model has them.</summary>
    public string Plain(Laid x)
    {
        if (!x.Planar)
            return x.Name;
        if (_plain.TryGetValue(x.Name, out var known))
            return known;
        var plain = graph.Emit(x.Name + "_plain", new Transpose(PlanarAxes.FromPlanar(graph.Shape(x.Name).Length)), x.Name);
        (_plain[x.Name], _planar[plain]) = (plain, x.Name);
        return plain;
    }

    /// <summary>The value with its channels on axis 1; of three axes and more.</summary>
    public string Planar(Laid x)
    {
        if (x.Planar)
            return x.Name;
        if (_planar.TryGetValue(x.Name, out var known))
            return known;
        if (graph.Shape(x.Name) is { Length: < 3 } shape)
            throw new ImportFault($"value '{ModelImportException.OneLine(x.Name)}' [{string.Join(',', shape)}] has no spatial axes for a convolution or pool");
        var planar = graph.Emit(x.Name + "_planar", new Transpose(PlanarAxes.ToPlanar(graph.Shape(x.Name).Length)), x.Name);
        (_planar[x.Name], _plain[planar]) = (planar, x.Name);
        return planar;
    }

    public Laid Unary(string name, UnaryOperator op, Laid x)
    {
        var y = x with { Name = graph.Emit(name, op, x.Name) };
        Blocked.Pointwise(x, y, whole => Unary(name, op, whole));
        return y;
    }

    /// <summary>The value in another type, if it is not of it already.</summary>
    public Laid Cast(string name, Laid x, ElementType type) => graph.Value(x.Name).Type == type ? x : x with { Name = graph.Emit(name, new Cast(type), x.Name) };

    /// <summary>A constant repeated for every sample: a shape in which one dimension is the batch.</summary>
    public Laid PerSample(string name, FoldedNumber[] shape, Laid value, Func<string, Exception> fault)
    {
        var axis = Array.FindIndex(shape, d => d.PerBatch != 0);
        if (shape.Count(d => d.PerBatch != 0) != 1 || shape[axis] != new FoldedNumber(0, 1) || shape.Length > 8 || shape.Any(d => d.PerBatch == 0 && d.Value is < 1 or > 1 << 28))
            throw fault("makes a shape that depends on the batch in a way that is not supported; export the model with a fixed batch");
        var column = graph.Emit(name + "_samples", new Reshape([.. shape.Select((_, i) => i == axis ? -1L : 1)]), _ones ??= Ones(name, fault));
        Laid spread = new(graph.Emit(name, new Mul(), column, value.Name));
        long[] sizes = [.. shape.Select((d, i) => i == axis ? 1L : (long)d.Value)];
        return Shape(spread).Select((d, i) => i == axis || d == sizes[i]).All(same => same) ? spread : new(graph.Emit(name + "_expanded", new Expand(sizes), spread.Name));
    }

    /// <summary>A 1 for each sample: whatever an input is, none of its elements is less than itself.</summary>
    private string Ones(string name, Func<string, Exception> fault)
    {
        var input = graph.Inputs.FirstOrDefault(i => i is { Shape: [-1, ..], Type: not ElementType.Bool }) ?? throw fault("depends on the batch, and no input has one");
        int[] axes = [.. Enumerable.Range(1, input.Shape.Length - 1)];
        var first = axes.Length == 0 ? input.Name : graph.Emit(name + "_first", new StridedSlice(new int[axes.Length], Array.ConvertAll(axes, _ => 1), axes, Array.ConvertAll(axes, _ => 1)), input.Name);
        var flat = graph.Emit(name + "_flat", new Reshape([-1]), first);
        return graph.Emit(name + "_ones", new Cast(ElementType.Float32), graph.Emit(name + "_always", new Not(), graph.Emit(name + "_less", new Less(), flat, flat)));
    }

    public Laid Binary(string name, BinaryOperator op, Laid a, Laid b)
    {
        var y = Combined(name, op, a, b);
        if (ByChannel(b))
            Blocked.Pointwise(a, y, whole => Binary(name, op, whole, b));
        else if (ByChannel(a))
            Blocked.Pointwise(b, y, whole => Binary(name, op, a, whole));
        return y;
    }

    private bool ByChannel(Laid x) => graph.Constant(x.Name) is { } tensor && (tensor.Count == 1 || !x.Planar && tensor.Shape[..^1].All(d => d == 1));

    private Laid Combined(string name, BinaryOperator op, Laid a, Laid b)
    {
        var rank = Math.Max(Shape(a).Length, Shape(b).Length);
        if (!(a.Planar || b.Planar) || !Fits(a) || !Fits(b))
            return new(graph.Emit(name, op, Plain(a), Plain(b)));
        return new(graph.Emit(name, op, Operand(a), Operand(b)), Planar: true);

        // An operand of fewer axes lacks the leading ones; only a constant can be given them without a node.
        bool Fits(Laid x) => Shape(x).Length == rank || graph.Constant(x.Name) is not null;
        string Operand(Laid x) => graph.Constant(x.Name) is { } tensor ? PlanarConstant(x.Name, tensor, rank) : Planar(x);
    }

    public Laid Concat(string name, IReadOnlyList<Laid> parts, int axis)
    {
        var rank = Shape(parts[0]).Length;
        if (!parts.Any(p => p.Planar) || parts.Any(p => Shape(p).Length != rank))
            return new(graph.Emit(name, new Concat(axis), [.. parts.Select(Plain)]));
        return new(graph.Emit(name, new Concat(PlanarAxes.Of(axis, rank)), [.. parts.Select(Planar)]), Planar: true);
    }

    public Laid Softmax(string name, Laid x, int axis) =>
        x with { Name = graph.Emit(name, new Softmax(x.Planar ? PlanarAxes.Of(axis, Shape(x).Length) : axis), x.Name) };

    /// <param name="pads">Begins of all axes, then ends.</param>
    public Laid Pad(string name, Laid x, int[] pads, float value)
    {
        if (pads.All(p => p == 0))
            return x;
        var rank = Shape(x).Length;
        var placed = pads.ToArray();
        if (x.Planar)
            for (var axis = 0; axis < rank; axis++)
                (placed[PlanarAxes.Of(axis, rank)], placed[PlanarAxes.Of(axis, rank) + rank]) = (pads[axis], pads[axis + rank]);
        return x with { Name = graph.Emit(name, new Pad(placed, value), x.Name) };
    }

    /// <param name="slice">Its axes are not negative.</param>
    public Laid Slice(string name, Laid x, StridedSlice slice)
    {
        if (slice.Axes.Length == 0)
            return x;
        var rank = Shape(x).Length;
        var op = x.Planar ? slice with { Axes = Array.ConvertAll(slice.Axes, a => PlanarAxes.Of(a, rank)) } : slice;
        return x with { Name = graph.Emit(name, op, x.Name) };
    }

    /// <param name="op">Its axes are not negative.</param>
    public Laid Reduce(string name, ReduceOperator op, Laid x)
    {
        var rank = Shape(x).Length;
        // Without its spatial axes a planar value is N x C, which is the model's order too.
        var spatial = op.Axes.Order().SequenceEqual(Enumerable.Range(1, Math.Max(0, rank - 2)));
        if (!x.Planar || !op.KeepDims && !spatial)
            return new(graph.Emit(name, op, Plain(x)));
        return new(graph.Emit(name, op with { Axes = [.. op.Axes.Select(a => PlanarAxes.Of(a, rank)).Order()] }, x.Name), Planar: op.KeepDims);
    }

    /// <summary>Maximum over all spatial axes.</summary>
    public Laid GlobalMax(string name, Laid x, bool keepDimensions)
    {
        var pooled = graph.Emit(name, new GlobalMaxPool(), Planar(x));
        return keepDimensions ? new(pooled, Planar: true) : new(graph.Emit(name + "_flatten", new Flatten(1), pooled));
    }

    public Laid Pool(string name, Laid x, Func<Window, Operator> op, Window window) => new(graph.Emit(name, op(window), Planar(x)), Planar: true);

    /// <param name="op">Its sizes are those of the spatial axes.</param>
    public Laid Resize(string name, Laid x, Resize op) => new(graph.Emit(name, op, Planar(x)), Planar: true);

    /// <param name="kernel">[k..., inputs / groups, outputs], as TensorFlow and Keras store it.</param>
    /// <param name="bias">[outputs], or null.</param>
    public Laid Conv(string name, Laid x, Tensor kernel, Tensor? bias, Window window, int groups)
    {
        var rank = kernel.Shape.Length;
        return Convolved(name, x, kernel, new Transpose([rank - 1, rank - 2, .. Enumerable.Range(0, rank - 2)]), bias, window, groups);
    }

    /// <param name="kernel">[k..., inputs, multiplier], as TensorFlow and Keras store it.</param>
    /// <param name="bias">[inputs * multiplier], or null.</param>
    public Laid Depthwise(string name, Laid x, Tensor kernel, Tensor? bias, Window window)
    {
        var rank = kernel.Shape.Length;
        var (inputs, multiplier) = (kernel.Shape[^2], kernel.Shape[^1]);
        var channels = Shape(x)[^1];
        if (channels != inputs)
            throw new ImportFault($"node '{ModelImportException.OneLine(name)}': a depthwise kernel [{string.Join(',', kernel.Shape)}] does not fit {channels} channels");
        // Output channel c * multiplier + m belongs to input channel c: [inputs, multiplier, k...] read as [outputs, 1, k...].
        var moved = graph.Emit(name + "_kernel", new Transpose([rank - 2, rank - 1, .. Enumerable.Range(0, rank - 2)]), graph.Constant(name + "_kernel", kernel));
        var weights = graph.Emit(name + "_weights", new Reshape([checked((long)inputs * multiplier), 1, .. kernel.Shape[..^2].Select(k => (long)k)]), moved);
        return Convolved(name, x, weights, bias, window, inputs);
    }

    /// <param name="kernel">[k..., outputs, inputs], as TensorFlow and Keras store it.</param>
    /// <param name="bias">[outputs], or null.</param>
    /// <param name="sizes">Of the output's spatial axes.</param>
    /// <param name="same">What the kernel reaches beyond the output is cut off on both sides, not at the end.</param>
    public Laid ConvTranspose(string name, Laid x, Tensor kernel, Tensor? bias, int[] strides, int[] dilations, int[] sizes, bool same)
    {
        var rank = kernel.Shape.Length;
        var (pads, extra) = (new int[2 * (rank - 2)], new int[rank - 2]);
        for (var i = 0; i < extra.Length; i++)
        {
            var beyond = (Shape(x)[1 + i] - 1L) * strides[i] + (kernel.Shape[i] - 1L) * dilations[i] + 1 - sizes[i];
            extra[i] = (int)Math.Clamp(-beyond, 0, int.MaxValue);
            var cut = (int)Math.Clamp(beyond, 0, int.MaxValue);
            (pads[i], pads[i + extra.Length]) = same ? (cut / 2, cut - cut / 2) : (0, cut);
        }
        var weights = graph.Emit(name + "_weights", new Transpose([rank - 1, rank - 2, .. Enumerable.Range(0, rank - 2)]), graph.Constant(name + "_kernel", kernel));
        string[] inputs = bias is null ? [Planar(x), weights] : [Planar(x), weights, graph.Constant(name + "_bias", bias)];
        return new(graph.Emit(name, new ConvTranspose(new(kernel.Shape[..^2], strides, pads, dilations), 1, extra), inputs), Planar: true);
    }

    /// <param name="parameters">scale, offset, mean and variance, each [channels].</param>
    public Laid BatchNorm(string name, Laid x, float epsilon, params ReadOnlySpan<Tensor> parameters)
    {
        var names = new string[5];
        names[0] = Shape(x).Length > 2 ? Planar(x) : Plain(x);
        for (var i = 0; i < 4; i++)
            names[i + 1] = graph.Constant($"{name}_{(i switch { 0 => "scale", 1 => "offset", 2 => "mean", _ => "variance" })}", parameters[i]);
        var y = new Laid(graph.Emit(name, new BatchNormalization(epsilon), names), Planar: Shape(x).Length > 2);
        Blocked.Pointwise(x, y, whole => new(graph.Emit(name, new BatchNormalization(epsilon), [Planar(whole), .. names[1..]]), Planar: true));
        return y;
    }

    /// <summary>Einstein's summation of values in the model's order of axes.</summary>
    public Laid Einsum(string name, string equation, Func<string, ImportFault> fault, params Laid[] operands)
    {
        var einsum = new Einsum(equation, (op, inputs) => graph.Emit($"{name}_{op.Type.ToLowerInvariant()}", op, inputs), graph.Shape, fault);
        return new(einsum.Emit(Array.ConvertAll(operands, Plain)));
    }

    /// <summary>The value under another shape (the model's; a dimension of k batches is -k).</summary>
    public Laid Reshape(string name, Laid x, int[] to, Func<string, Exception> fault)
    {
        var from = Shape(x);
        if (from.AsSpan().SequenceEqual(to))
            return x;
        // Adding or removing spatial axes of size 1 leaves the order of elements in a planar value as it is.
        var planar = x.Planar && to.Length > 2 && from[0] == to[0] && from[^1] == to[^1] && from[1..^1].Where(d => d != 1).SequenceEqual(to[1..^1].Where(d => d != 1));
        Laid y = planar
            ? new(graph.Emit(name, TargetShapes.ReshapeTo(graph.Shape(x.Name), [to[0], to[^1], .. to[1..^1]], fault), x.Name), Planar: true)
            : new(graph.Emit(name, TargetShapes.ReshapeTo(from, to, fault), Plain(x)));
        Blocked.Reshaped(name, x, y, from, to, fault);
        return y;
    }

    private Laid Convolved(string name, Laid x, Tensor kernel, Transpose order, Tensor? bias, Window window, int groups) =>
        Convolved(name, x, graph.Emit(name + "_weights", order, graph.Constant(name + "_kernel", kernel)), bias, window, groups);

    private Laid Convolved(string name, Laid x, string weights, Tensor? bias, Window window, int groups)
    {
        string[] parameters = bias is null ? [weights] : [weights, graph.Constant(name + "_bias", bias)];
        Laid By(Laid image, Window by) => new(graph.Emit(name, new Conv(by, groups), [Planar(image), .. parameters]), Planar: true);
        var y = By(x, window);
        Blocked.Convolved(name, x, y, window, By);
        return y;
    }

    private string PlanarConstant(string name, Tensor tensor, int rank)
    {
        if (tensor.Count == 1)
            return name;
        var full = graph.Emit(name + "_full", new Reshape([.. Enumerable.Repeat(1L, rank - tensor.Shape.Length), .. tensor.Shape.Select(d => (long)d)]), name);
        return graph.Emit(name + "_planar", new Transpose(PlanarAxes.ToPlanar(rank)), full);
    }
}

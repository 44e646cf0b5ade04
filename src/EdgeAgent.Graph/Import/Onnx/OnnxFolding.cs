using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;
using static EdgeAgent.Graph.Import.Onnx.TensorProto.Types;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>
/// Evaluates the small subgraphs with which exporters compute shapes (Shape, Gather, Slice, Concat, ...) on numbers that
/// may depend on the batch. A node is folded when all it reads is known.
/// </summary>
internal static class OnnxFolding
{
    /// <summary>Operators that are supported only where they fold away.</summary>
    public static readonly string[] OnlyFolded = ["ConstantOfShape", "Range", "Shape", "Size"];

    public static FoldedValue? TryFold(OnnxNode node, OnnxGraphBuilder builder)
    {
        if (node.Op is "Shape" or "Size")
            return builder.Value(node.Input(0)) is { } value ? ShapeOf(node, value.Shape) : null;
        if (node.Op is not ("Cast" or "ConstantOfShape" or "Gather" or "Range" or "Slice" or "Concat" or "Unsqueeze" or "Squeeze"
            or "Identity" or "Reshape" or "Transpose" or "Add" or "Sub" or "Mul" or "Div"))
            return null;
        var inputs = new List<FoldedValue?>();
        foreach (var name in node.Proto.Input)
        {
            var known = name.Length == 0 ? null : builder.Folded(name);
            if (known is null && name.Length > 0)
                return null;
            inputs.Add(known);
        }
        if (node.Proto.Domain is not ("" or "ai.onnx"))
            return null;
        var result = Fold(node, new(node, inputs));
        return result is not null && result.Numbers.Length <= FoldedValue.MaxCount ? result : null;
    }

    private static FoldedValue? Fold(OnnxNode node, Operands inputs) => node.Op switch
    {
        "Cast" => Cast(node, inputs[0]),
        "ConstantOfShape" => ConstantOfShape(node, inputs[0]),
        "Gather" => Gather(node, inputs[0], inputs[1]),
        "Range" => Range(node, inputs),
        "Slice" => Slice(node, inputs),
        "Concat" => Concat(node, inputs),
        "Unsqueeze" or "Squeeze" => inputs[0] is var x ? x with { Shape = OnnxShapes.Squeezed(node, x.Shape, inputs.Axes()) } : null,
        "Identity" => inputs[0],
        "Reshape" => inputs[0] is var x && inputs[1].IsConstant
            ? x with { Shape = OperatorShapes.Reshaped(inputs[1].ToTensor().Longs, x.Shape) }
            : null,
        "Transpose" => Transpose(node, inputs[0]),
        _ => Arithmetic(node, inputs[0], inputs[1]),
    };

    private static FoldedValue Transpose(OnnxNode node, FoldedValue x)
    {
        int[] permutation = node.SmallInts("perm") ?? [.. Enumerable.Range(0, x.Shape.Length).Reverse()];
        if (!permutation.Order().SequenceEqual(Enumerable.Range(0, x.Shape.Length)))
            throw node.Fault($"[{string.Join(',', permutation)}] is no permutation of {x.Shape.Length} axes");
        var numbers = new FoldedNumber[x.Numbers.Length];
        Layout.Transpose<FoldedNumber>(permutation, x.Numbers, x.Shape, numbers);
        return new(x.Type, Array.ConvertAll(permutation, p => x.Shape[p]), numbers);
    }

    private static FoldedValue ShapeOf(OnnxNode node, int[] shape)
    {
        var numbers = Array.ConvertAll(shape, FoldedNumber.OfDimension);
        if (node.Op == "Size")
            return new(ElementType.Int64, [], [numbers.Aggregate(new FoldedNumber(1), (a, b) => Multiply(node, a, b))]);
        var start = Clamp(node.Int("start", 0), shape.Length);
        var end = Math.Max(start, Clamp(node.Int("end", shape.Length), shape.Length));
        return new(ElementType.Int64, [end - start], numbers[start..end]);
    }

    private static FoldedValue Cast(OnnxNode node, FoldedValue x)
    {
        var type = (DataType)node.Int("to", 0) is DataType.Double or DataType.Float16
            ? ElementType.Float32
            : OnnxTensors.TypeOf(node.SmallInt("to", 0)) ?? throw node.Fault("casts to an unsupported type");
        var integer = type is not ElementType.Float32;
        return new(type, x.Shape, integer && x.Type == ElementType.Float32 ? Array.ConvertAll(x.Numbers, n => n with { Value = Math.Truncate(n.Value) }) : x.Numbers);
    }

    private static FoldedValue ConstantOfShape(OnnxNode node, FoldedValue shape)
    {
        var fill = node.Tensor("value") is { } value ? FoldedValue.TryOf(value) : null;
        fill ??= new(ElementType.Float32, [1], [new(0)]);
        if (!shape.IsConstant || fill.Numbers.Length != 1)
            throw node.Fault("fills a shape that depends on the batch, which is not supported; export the model with a fixed batch");
        var dimensions = Array.ConvertAll(shape.Numbers, n => n.Value);
        var count = dimensions.Aggregate(1.0, (a, b) => a * b);
        if (Array.Exists(dimensions, d => d < 0) || count > FoldedValue.MaxCount)
            throw node.Fault($"fills {count} elements; at most {FoldedValue.MaxCount} are supported");
        return new(fill.Type, Array.ConvertAll(dimensions, d => (int)d), Enumerable.Repeat(fill.Numbers[0], (int)count).ToArray());
    }

    private static FoldedValue Gather(OnnxNode node, FoldedValue data, FoldedValue indices)
    {
        var axis = OnnxShapes.Axis(node, node.Int("axis", 0), data.Shape.Length);
        var (outer, size, inner) = Split(data.Shape, axis);
        var numbers = new List<FoldedNumber>();
        for (var o = 0; o < outer; o++)
            foreach (var index in indices.Numbers)
            {
                var at = index.Value < 0 ? index.Value + size : index.Value;
                if (index.PerBatch != 0 || at < 0 || at >= size)
                    throw node.Fault($"index {index.Value} is outside [0,{size})");
                numbers.AddRange(data.Numbers.AsSpan((o * size + (int)at) * inner, inner));
                Bound(node, numbers.Count);
            }
        return new(data.Type, [.. data.Shape[..axis], .. indices.Shape, .. data.Shape[(axis + 1)..]], [.. numbers]);
    }

    private static FoldedValue Range(OnnxNode node, Operands inputs)
    {
        var (start, limit, step) = (inputs[0].Numbers, inputs[1].Numbers, inputs[2].Numbers);
        if (start.Length != 1 || limit.Length != 1 || step.Length != 1 || start[0].PerBatch != 0 || limit[0].PerBatch != 0 || step[0].PerBatch != 0 || step[0].Value == 0)
            throw node.Fault("has a range that is not known at import");
        var count = Math.Max(0, Math.Ceiling((limit[0].Value - start[0].Value) / step[0].Value));
        Bound(node, count);
        return new(inputs[0].Type, [(int)count], [.. Enumerable.Range(0, (int)count).Select(i => new FoldedNumber(start[0].Value + i * step[0].Value))]);
    }

    private static FoldedValue Slice(OnnxNode node, Operands inputs)
    {
        var x = inputs[0];
        double[] starts, ends, axes, steps;
        if (node.Opset < 10)
        {
            starts = Array.ConvertAll(node.Ints("starts") ?? [], v => (double)v);
            ends = Array.ConvertAll(node.Ints("ends") ?? [], v => (double)v);
            axes = Array.ConvertAll(node.Ints("axes") ?? [], v => (double)v);
            steps = [];
        }
        else
            (starts, ends, axes, steps) = (inputs.Constants(1), inputs.Constants(2), inputs.Constants(3), inputs.Constants(4));
        if (ends.Length != starts.Length || axes.Length > 0 && axes.Length != starts.Length || steps.Length > 0 && steps.Length != starts.Length)
            throw node.Fault("starts, ends, axes and steps differ in length");
        for (var i = 0; i < starts.Length; i++)
        {
            var axis = OnnxShapes.Axis(node, axes.Length > 0 ? (long)axes[i] : i, x.Shape.Length);
            x = Slice(node, x, axis, starts[i], ends[i], steps.Length > 0 ? steps[i] : 1);
        }
        return x;
    }

    private static FoldedValue Slice(OnnxNode node, FoldedValue x, int axis, double start, double end, double step)
    {
        if (step == 0)
            throw node.Fault("has a step of 0");
        var (outer, size, inner) = Split(x.Shape, axis);
        var (low, high) = step > 0 ? (0, size) : (-1, size - 1);
        var from = Math.Clamp(start < 0 ? start + size : start, step > 0 ? 0 : -1, high);
        var to = Math.Clamp(end < 0 ? end + size : end, low, size);
        var picked = new List<int>();
        for (var at = from; step > 0 ? at < to : at > to; at += step)
            picked.Add((int)at);
        var numbers = new List<FoldedNumber>();
        for (var o = 0; o < outer; o++)
            foreach (var at in picked)
                numbers.AddRange(x.Numbers.AsSpan((o * size + at) * inner, inner));
        var shape = x.Shape.ToArray();
        shape[axis] = picked.Count;
        return new(x.Type, shape, [.. numbers]);
    }

    private static FoldedValue? Concat(OnnxNode node, Operands inputs)
    {
        var first = inputs[0];
        var axis = OnnxShapes.Axis(node, node.Int("axis", 0), first.Shape.Length);
        if (first.Shape.Length != 1)
            return null;
        var numbers = new List<FoldedNumber>();
        for (var i = 0; i < inputs.Count; i++)
            numbers.AddRange(inputs[i].Shape.Length == 1 ? inputs[i].Numbers : throw node.Fault("joins tensors of different rank"));
        Bound(node, numbers.Count);
        return new(first.Type, [numbers.Count], [.. numbers]);
    }

    private static FoldedValue Arithmetic(OnnxNode node, FoldedValue a, FoldedValue b)
    {
        var shape = OperatorShapes.Broadcast(a.Shape, b.Shape);
        var count = shape.Aggregate(1.0, (x, y) => x * y);
        Bound(node, count);
        var numbers = new FoldedNumber[(int)count];
        var (left, right) = (Broadcasting.Indices(a.Shape, shape), Broadcasting.Indices(b.Shape, shape));
        for (var i = 0; i < numbers.Length; i++)
        {
            var (x, y) = (a.Numbers[left[i]], b.Numbers[right[i]]);
            numbers[i] = node.Op switch
            {
                "Add" => new(x.Value + y.Value, x.PerBatch + y.PerBatch),
                "Sub" => new(x.Value - y.Value, x.PerBatch - y.PerBatch),
                "Mul" => Multiply(node, x, y),
                _ => Divide(node, x, y, a.Type != ElementType.Float32),
            };
        }
        return new(a.Type, shape, numbers);
    }

    private static FoldedNumber Multiply(OnnxNode node, FoldedNumber x, FoldedNumber y) =>
        x.PerBatch != 0 && y.PerBatch != 0
            ? throw node.Fault("multiplies the batch with itself, which is not supported")
            : new(x.Value * y.Value, x.PerBatch * y.Value + x.Value * y.PerBatch);

    private static FoldedNumber Divide(OnnxNode node, FoldedNumber x, FoldedNumber y, bool integer)
    {
        if (y.PerBatch != 0 || y.Value == 0 || x.PerBatch % y.Value != 0)
            throw node.Fault("divides by 0 or by the batch, which is not supported");
        return new(integer ? Math.Truncate(x.Value / y.Value) : x.Value / y.Value, x.PerBatch / y.Value);
    }

    private static (int Outer, int Size, int Inner) Split(int[] shape, int axis) =>
        (shape[..axis].Aggregate(1, (a, b) => a * b), shape[axis], shape[(axis + 1)..].Aggregate(1, (a, b) => a * b));

    private static int Clamp(long index, int rank) => (int)Math.Clamp(index < 0 ? index + rank : index, 0, rank);

    private static void Bound(OnnxNode node, double count)
    {
        if (count > FoldedValue.MaxCount)
            throw node.Fault($"computes a constant of more than {FoldedValue.MaxCount} elements, which is not supported");
    }

    /// <summary>Inputs of a node being folded; asking for one that is absent names the node.</summary>
    private readonly struct Operands(OnnxNode node, List<FoldedValue?> values)
    {
        public int Count => values.Count;

        public FoldedValue this[int index] =>
            index < values.Count && values[index] is { } value ? value : throw node.Fault($"input {index} is missing");

        public double[] Constants(int index)
        {
            if (index >= values.Count || values[index] is not { } value)
                return [];
            return value.IsConstant ? Array.ConvertAll(value.Numbers, n => n.Value) : throw node.Fault($"input {index} depends on the batch");
        }

        /// <summary>Axes as the opset has them: an attribute before 13, then an input.</summary>
        public long[]? Axes() =>
            node.Ints("axes") ?? (values.Count > 1 ? Array.ConvertAll(Constants(1), v => (long)v) : null);
    }
}

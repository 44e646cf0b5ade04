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
    public static readonly string[] OnlyFolded = ["NonZero", "Range", "Shape", "Size"];

    public static FoldedValue? TryFold(OnnxNode node, OnnxGraphBuilder builder)
    {
        if (node.Op is "Shape" or "Size")
            return (builder.Value(node.Input(0))?.Shape ?? builder.Folded(node.Input(0))?.Shape) is { } shape ? ShapeOf(node, shape) : null;
        if (node.Op is not ("Cast" or "ConstantOfShape" or "Gather" or "Range" or "Slice" or "Concat" or "Unsqueeze" or "Squeeze"
            or "Identity" or "Reshape" or "Transpose" or "Add" or "Sub" or "Mul" or "Div" or "Equal" or "Less" or "Greater" or "Not" or "And" or "Or" or "Where" or "Mod" or "NonZero"))
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
        "Equal" or "Less" or "Greater" => Compare(node, inputs[0], inputs[1]),
        "And" or "Or" => FoldedArithmetic.Binary(inputs[0], inputs[1], (x, y) => new(node.Op == "And" ? x.Value * y.Value : Math.Max(x.Value, y.Value))),
        "Not" => inputs[0] with { Numbers = Array.ConvertAll(inputs[0].Numbers, n => new FoldedNumber(1 - n.Value)) },
        "Mod" => Remainder(node, inputs[0], inputs[1]),
        "NonZero" => NonZero(inputs[0]),
        "Where" => Picked(node, inputs[0], inputs[1], inputs[2]),
        _ => Arithmetic(node, inputs[0], inputs[1]),
    };

    private static FoldedValue Transpose(OnnxNode node, FoldedValue x) =>
        FoldedArithmetic.Transpose(x, node.SmallInts("perm") ?? [.. Enumerable.Range(0, x.Shape.Length).Reverse()], node.Fault);

    private static FoldedValue ShapeOf(OnnxNode node, int[] shape)
    {
        var numbers = Array.ConvertAll(shape, FoldedNumber.OfDimension);
        if (node.Op == "Size")
            return new(ElementType.Int64, [], [numbers.Aggregate(new FoldedNumber(1), (a, b) => FoldedArithmetic.Multiply(a, b, node.Fault))]);
        var start = Clamp(node.Int("start", 0), shape.Length);
        var end = Math.Max(start, Clamp(node.Int("end", shape.Length), shape.Length));
        return new(ElementType.Int64, [end - start], numbers[start..end]);
    }

    private static FoldedValue Cast(OnnxNode node, FoldedValue x)
    {
        var type = (DataType)node.Int("to", 0) is DataType.Double or DataType.Float16
            ? ElementType.Float32
            : OnnxTensors.TypeOf(node.SmallInt("to", 0)) ?? throw node.Fault("casts to an unsupported type");
        return FoldedArithmetic.Cast(x, type);
    }

    /// <summary>Null where the answer depends on the batch.</summary>
    private static FoldedValue? Compare(OnnxNode node, FoldedValue a, FoldedValue b)
    {
        var open = false;
        var result = FoldedArithmetic.Binary(a, b, (x, y) =>
        {
            // A batch is at least 1: a difference that grows with it and is positive then is always positive.
            var (value, slope) = (x.Value - y.Value, x.PerBatch - y.PerBatch);
            open |= slope != 0 && Math.Sign(value + slope) != Math.Sign(slope);
            var sign = slope == 0 ? Math.Sign(value) : Math.Sign(slope);
            return new((node.Op switch { "Equal" => sign == 0, "Less" => sign < 0, _ => sign > 0 }) ? 1 : 0);
        });
        return open || result is null ? null : result with { Type = ElementType.Bool };
    }

    /// <summary>Of the sign of the divisor or, as C's fmod, of the dividend; real numbers only so.</summary>
    private static FoldedValue? Remainder(OnnxNode node, FoldedValue a, FoldedValue b)
    {
        var (likeC, real) = (node.Flag("fmod"), a.Type == ElementType.Float32);
        if (real && !likeC)
            throw node.Fault("is of real numbers and not marked fmod, which has no meaning");
        if (!real && Array.Exists(b.Numbers, n => n.Value == 0))
            throw node.Fault("divides by 0");
        return a.IsConstant && b.IsConstant
            ? FoldedArithmetic.Binary(a, b, (x, y) => new(likeC ? x.Value % y.Value : (x.Value % y.Value + y.Value) % y.Value))
            : null;
    }

    /// <summary>The coordinates of the elements that are not 0, a row for each axis.</summary>
    private static FoldedValue? NonZero(FoldedValue x)
    {
        if (!x.IsConstant)
            return null;
        int[] shape = x.Shape.Length == 0 ? [1] : x.Shape;
        int[] found = [.. Enumerable.Range(0, x.Numbers.Length).Where(i => x.Numbers[i].Value != 0)];
        var numbers = new List<FoldedNumber>();
        for (var axis = 0; axis < shape.Length; axis++)
        {
            var inner = shape[(axis + 1)..].Aggregate(1, (a, d) => a * d);
            numbers.AddRange(found.Select(i => new FoldedNumber(i / inner % shape[axis])));
        }
        return new(ElementType.Int64, [shape.Length, found.Length], [.. numbers]);
    }

    private static FoldedValue? Picked(OnnxNode node, FoldedValue condition, FoldedValue x, FoldedValue y)
    {
        var shape = OperatorShapes.Broadcast(OperatorShapes.Broadcast(condition.Shape, x.Shape), y.Shape);
        if (!FoldedArithmetic.IsSmall(shape))
            return null;
        var (c, first, second) = (Broadcasting.Indices(condition.Shape, shape), Broadcasting.Indices(x.Shape, shape), Broadcasting.Indices(y.Shape, shape));
        return new(x.Type, shape, [.. Enumerable.Range(0, c.Length).Select(i => condition.Numbers[c[i]].Value != 0 ? x.Numbers[first[i]] : y.Numbers[second[i]])]);
    }

    private static FoldedValue? ConstantOfShape(OnnxNode node, FoldedValue shape)
    {
        // A shape of the batch is made by the converter.
        if (!shape.IsConstant)
            return null;
        var fill = node.Tensor("value") is { } value ? FoldedValue.TryOf(value) : null;
        return FoldedArithmetic.Fill(shape, fill ?? new(ElementType.Float32, [1], [new(0)]), node.Fault);
    }

    private static FoldedValue? Gather(OnnxNode node, FoldedValue data, FoldedValue indices) =>
        FoldedArithmetic.Gather(data, indices, OnnxShapes.Axis(node, node.Int("axis", 0), data.Shape.Length), node.Fault);

    private static FoldedValue? Range(OnnxNode node, Operands inputs) => FoldedArithmetic.Range(inputs[0], inputs[1], inputs[2], node.Fault);

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
            x = FoldedArithmetic.Slice(x, axis, starts[i], ends[i], steps.Length > 0 ? steps[i] : 1, node.Fault);
        }
        return x;
    }

    private static FoldedValue? Concat(OnnxNode node, Operands inputs)
    {
        var first = inputs[0];
        var axis = OnnxShapes.Axis(node, node.Int("axis", 0), first.Shape.Length);
        if (first.Shape.Length != 1)
            return null;
        return FoldedArithmetic.Join(first.Type, Enumerable.Range(0, inputs.Count).Select(i => inputs[i]), node.Fault);
    }

    private static FoldedValue? Arithmetic(OnnxNode node, FoldedValue a, FoldedValue b) => FoldedArithmetic.Binary(
        a, b,
        node.Op switch
        {
            "Add" => FoldedArithmetic.Add,
            "Sub" => FoldedArithmetic.Subtract,
            "Mul" => (x, y) => FoldedArithmetic.Multiply(x, y, node.Fault),
            _ => (x, y) => FoldedArithmetic.Divide(x, y, a.Type != ElementType.Float32, node.Fault),
        });

    private static int Clamp(long index, int rank) => (int)Math.Clamp(index < 0 ? index + rank : index, 0, rank);

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

using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TensorFlow;

/// <summary>
/// Evaluates the small subgraphs with which layers compute shapes (Shape, StridedSlice, Pack, Prod, ...), and arithmetic on
/// small parameters such as a decomposed batch-norm. A node is folded when all it reads is known.
/// </summary>
internal static class TfFolding
{
    /// <summary>Operators that are supported only where they fold away.</summary>
    public static readonly string[] OnlyFolded =
        ["FloorDiv", "FloorMod", "Range", "Rank", "Shape", "Size"];

    private static readonly HashSet<string> _foldable =
    [
        .. OnlyFolded, "Equal", "Fill", "Greater", "GreaterEqual", "Less", "LessEqual", "LogicalAnd", "LogicalNot", "LogicalOr", "NotEqual", "Pack", "Add", "AddV2", "Cast", "Concat", "ConcatV2", "Div", "ExpandDims", "Gather", "GatherV2", "Identity", "Max", "Maximum", "Min", "Minimum", "Mul", "Neg", "Pow", "Prod", "RealDiv",
        "Reshape", "Rsqrt", "Slice", "Sqrt", "Square", "Squeeze", "StridedSlice", "Sub", "Transpose",
    ];

    public static FoldedValue? TryFold(TfNode node)
    {
        if (!_foldable.Contains(node.Op))
            return null;
        if (node.Op is "Shape" or "Size" or "Rank")
            return Measure(node, node.Shape(0), (TfType)node.Type("out_type") is TfType.Int64 ? ElementType.Int64 : ElementType.Int32);
        var inputs = new FoldedValue[node.InputCount];
        for (var i = 0; i < inputs.Length; i++)
            if (node.Folded(i) is { } known)
                inputs[i] = known;
            else
                return null;
        var result = inputs.Length == 0 ? null : Fold(node, inputs);
        return result is not null && result.Numbers.Length <= FoldedValue.MaxCount ? result : null;
    }

    private static FoldedValue Measure(TfNode node, int[] shape, ElementType type) => node.Op switch
    {
        "Shape" => FoldedArithmetic.ShapeOf(shape, type),
        "Rank" => new(ElementType.Int32, [], [new(shape.Length)]),
        _ => new(type, [], [shape.Select(FoldedNumber.OfDimension).Aggregate(new FoldedNumber(1), (a, b) => FoldedArithmetic.Multiply(a, b, node.Fault))]),
    };

    private static FoldedValue? Fold(TfNode node, FoldedValue[] x)
    {
        FoldedValue Second() => x.Length > 1 ? x[1] : throw node.Fault("input 1 is missing");
        switch (node.Op)
        {
            case "Identity":
                return x[0];
            case "Cast":
                return FoldedArithmetic.Cast(x[0], TfTypes.ElementOf(node.Type("DstT")) ?? throw node.Fault("casts to an unsupported type"));
            case "Fill":
                return x[0].IsConstant ? FoldedArithmetic.Fill(x[0], Second(), node.Fault) : null;
            case "Gather" or "GatherV2":
                return FoldedArithmetic.Gather(x[0], Second(), x.Length > 2 ? node.Axis(node.Ints(2, "axis")[0], x[0].Shape.Length) : 0, node.Fault);
            case "Range":
                return FoldedArithmetic.Range(x[0], Second(), x.Length > 2 ? x[2] : throw node.Fault("input 2 is missing"), node.Fault);
            case "Pack":
                return Packed(node, x);
            case "Concat" or "ConcatV2":
                var parts = node.Op == "Concat" ? x[1..] : x[..^1];
                return parts.Length > 0 && parts[0].Shape.Length == 1 ? FoldedArithmetic.Join(parts[0].Type, parts, node.Fault) : null;
            case "ExpandDims":
                return x[0] with { Shape = TfShapes.Expanded(node, x[0].Shape) };
            case "Squeeze":
                return x[0] with { Shape = TfShapes.Squeezed(node, x[0].Shape) };
            case "Reshape":
                return Second().IsConstant ? x[0] with { Shape = TfShapes.Target(node, x[0].Shape, x[1]) } : null;
            case "Transpose":
                return FoldedArithmetic.Transpose(x[0], node.Ints(1, "permutation"), node.Fault);
            case "StridedSlice" or "Slice":
                return Sliced(node, x[0]);
            case "LogicalNot":
                return x[0].IsConstant ? x[0] with { Numbers = Array.ConvertAll(x[0].Numbers, n => new FoldedNumber(1 - n.Value)) } : null;
            case "Prod" or "Max" or "Min":
                return Reduced(node, x[0], node.Ints(1, "axes"));
            case "Neg" or "Sqrt" or "Rsqrt" or "Square":
                return x[0].IsConstant ? x[0] with { Numbers = Array.ConvertAll(x[0].Numbers, n => new FoldedNumber(Unary(node.Op, n.Value))) } : null;
            default:
                return Binary(node, x[0], Second());
        }
    }

    private static double Unary(string op, double x) => op switch
    {
        "Neg" => -x,
        "Sqrt" => Math.Sqrt(x),
        "Rsqrt" => 1 / Math.Sqrt(x),
        _ => x * x,
    };

    private static FoldedValue? Binary(TfNode node, FoldedValue a, FoldedValue b)
    {
        Func<FoldedNumber, FoldedNumber, FoldedNumber>? operation = node.Op switch
        {
            "Add" or "AddV2" => FoldedArithmetic.Add,
            "Sub" => FoldedArithmetic.Subtract,
            "Mul" => (x, y) => FoldedArithmetic.Multiply(x, y, node.Fault),
            "RealDiv" or "Div" => (x, y) => FoldedArithmetic.Divide(x, y, a.Type != ElementType.Float32, node.Fault),
            "FloorDiv" => (x, y) => Floor(FoldedArithmetic.Divide(x, y, false, node.Fault)),
            "Maximum" when a.IsConstant && b.IsConstant => (x, y) => new(Math.Max(x.Value, y.Value)),
            "Minimum" when a.IsConstant && b.IsConstant => (x, y) => new(Math.Min(x.Value, y.Value)),
            "Pow" when a.IsConstant && b.IsConstant => (x, y) => new(Math.Pow(x.Value, y.Value)),
            "FloorMod" when a.IsConstant && b.IsConstant => (x, y) => y.Value == 0 ? throw node.Fault("divides by 0") : new(x.Value - Math.Floor(x.Value / y.Value) * y.Value),
            "Equal" when a.IsConstant && b.IsConstant => (x, y) => Truth(x.Value == y.Value),
            "NotEqual" when a.IsConstant && b.IsConstant => (x, y) => Truth(x.Value != y.Value),
            "Less" when a.IsConstant && b.IsConstant => (x, y) => Truth(x.Value < y.Value),
            "LessEqual" when a.IsConstant && b.IsConstant => (x, y) => Truth(x.Value <= y.Value),
            "Greater" when a.IsConstant && b.IsConstant => (x, y) => Truth(x.Value > y.Value),
            "GreaterEqual" when a.IsConstant && b.IsConstant => (x, y) => Truth(x.Value >= y.Value),
            "LogicalAnd" => (x, y) => Truth(x.Value != 0 && y.Value != 0),
            "LogicalOr" => (x, y) => Truth(x.Value != 0 || y.Value != 0),
            _ => null,
        };
        var result = operation is null ? null : FoldedArithmetic.Binary(a, b, operation);
        return result is not null && node.Op is "Equal" or "NotEqual" or "Less" or "LessEqual" or "Greater" or "GreaterEqual" ? result with { Type = ElementType.Bool } : result;

        static FoldedNumber Truth(bool value) => new(value ? 1 : 0);

        static FoldedNumber Floor(FoldedNumber n) => n with { Value = Math.Floor(n.Value) };
    }

    private static FoldedValue? Packed(TfNode node, FoldedValue[] parts)
    {
        if (parts.Any(p => !p.Shape.AsSpan().SequenceEqual(parts[0].Shape)))
            throw node.Fault("packs values of different shapes");
        if (node.Axis(node.Int("axis", 0), parts[0].Shape.Length + 1) != 0)
            return null;
        if (!FoldedArithmetic.IsSmall([parts.Length, .. parts[0].Shape]))
            return null;
        return new(parts[0].Type, [parts.Length, .. parts[0].Shape], [.. parts.SelectMany(p => p.Numbers)]);
    }

    private static FoldedValue Sliced(TfNode node, FoldedValue x)
    {
        var cuts = node.Op == "Slice" ? TfSlices.OfSlice(node, x.Shape) : TfSlices.OfStridedSlice(node, x.Shape);
        foreach (var cut in cuts.Axes)
            x = FoldedArithmetic.Slice(x, cut.Axis, cut.Start, cut.End, cut.Step, node.Fault);
        return x with { Shape = cuts.Reshaped(x.Shape) };
    }

    private static FoldedValue? Reduced(TfNode node, FoldedValue x, int[] axes)
    {
        // Shapes are vectors: their elements are multiplied, or the largest is taken.
        if (axes.Any(a => a is not (0 or -1)) || x.Shape.Length > 1 || x.Numbers.Length == 0 && node.Op != "Prod" || node.Op != "Prod" && !x.IsConstant)
            return null;
        if (x.Shape.Length == 1 && axes.Length == 0)
            return x;
        var result = node.Op switch
        {
            "Prod" => x.Numbers.Aggregate(new FoldedNumber(1), (a, b) => FoldedArithmetic.Multiply(a, b, node.Fault)),
            "Max" => new(x.Numbers.Max(n => n.Value)),
            _ => new(x.Numbers.Min(n => n.Value)),
        };
        return new(x.Type, node.Flag("keep_dims") && x.Shape.Length == 1 ? [1] : [], [result]);
    }
}

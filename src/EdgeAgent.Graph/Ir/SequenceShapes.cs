using static EdgeAgent.Graph.Ir.ShapeInference;

namespace EdgeAgent.Graph.Ir;

/// <summary>The shape rule of recurrent layers.</summary>
internal static class SequenceShapes
{
    public static (ElementType Type, int[] Shape)[] Of(RecurrentOperator op, ValueSpec?[] inputs)
    {
        var x = OperatorShapes.Float(inputs, 0);
        if (x.Length != 3 || op.Hidden is < 1 or > 1 << 16 || x[2] < 1)
            throw new ShapeFault($"input [{string.Join(',', x)}] with {op.Hidden} hidden units is no sequence; [time, batch, inputs] is expected");
        var (time, batch, directions, rows) = (x[0], x[1], op.Directions, op.Gates * op.Hidden);
        Expect(inputs, 1, directions, rows, x[2]);
        Expect(inputs, 2, directions, rows, op.Hidden);
        Expect(inputs, 3, directions, 2 * rows);
        if (inputs.Length > 4 && inputs[4] is not null && !OperatorShapes.Typed(inputs, 4, ElementType.Int32).AsSpan().SequenceEqual([batch]))
            throw new ShapeFault($"sequence lengths do not fit a batch of {batch}");
        Expect(inputs, 5, directions, batch, op.Hidden);
        Expect(inputs, 6, directions, batch, op.Hidden);
        Expect(inputs, 7, directions, 3 * op.Hidden);
        if (op.Activations.Length != directions * ActivationsOf(op))
            throw new ShapeFault($"{op.Activations.Length} activations do not fit {directions} directions");
        int[] last = [directions, batch, op.Hidden];
        (ElementType, int[])[] results = [(ElementType.Float32, [time, directions, batch, op.Hidden]), (ElementType.Float32, last)];
        return op is Lstm ? [.. results, (ElementType.Float32, last)] : results;
    }

    /// <summary>Activation functions of one direction.</summary>
    public static int ActivationsOf(RecurrentOperator op) => op switch { Lstm => 3, Gru => 2, _ => 1 };

    private static void Expect(ValueSpec?[] inputs, int index, params int[] shape)
    {
        if (index < inputs.Length && inputs[index] is not null && !OperatorShapes.Float(inputs, index).AsSpan().SequenceEqual(shape))
            throw new ShapeFault($"input {index} has the shape [{string.Join(',', inputs[index]!.Shape)}]; [{string.Join(',', shape)}] is expected");
        if (index is 1 or 2 && (index >= inputs.Length || inputs[index] is null))
            throw new ShapeFault($"input {index} is missing");
    }
}

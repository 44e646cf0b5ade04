using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Export;

/// <summary>Written output is re-read and verified before it counts as done.</summary>
internal static class ExportCheck
{
    private const int Samples = 2;

    /// <summary>Evaluates both graphs on the same pseudo-random input; the same arithmetic must give the same bits.</summary>
    /// <exception cref="InvalidGraphException">They differ; the message names the output.</exception>
    public static void Compare(GraphSpec written, GraphSpec read)
    {
        var inputs = written.Inputs.ToDictionary(i => i.Name, i => Sample(i, Samples));
        var expected = new GraphInterpreter(written).Run(inputs);
        var actual = new GraphInterpreter(read).Run(inputs);
        foreach (var (name, tensor) in expected)
            if (!actual.TryGetValue(name, out var other) || !Same(tensor, other))
                throw new InvalidGraphException($"graph {written.Name}: output '{name}' of the file read back differs from the graph that was written");
    }

    /// <summary>
    /// The same for a format that stores images with their channels last, and whose arithmetic may differ in rounding: floats
    /// to 1e-4, integers by a few steps, which later layers can make of one.
    /// </summary>
    /// <param name="isChannelsLast">Whether the input or output of that name of <paramref name="written"/> is so in the file.</param>
    /// <exception cref="InvalidGraphException">They differ; the message names the output.</exception>
    public static void CompareWithLayouts(GraphSpec written, GraphSpec read, Func<string, bool> isChannelsLast)
    {
        // A file that states a batch of 1 is read with it where the batch does not lead the outputs.
        var batch = read.Inputs.All(i => i.Shape is [-1, ..] or []) ? Samples : 1;
        var inputs = written.Inputs.ToDictionary(i => i.Name, i => Sample(i, batch));
        var turned = read.Inputs.Zip(written.Inputs).ToDictionary(p => p.First.Name, p => isChannelsLast(p.Second.Name) ? Turned(inputs[p.Second.Name]) : inputs[p.Second.Name]);
        var expected = new GraphInterpreter(written).Run(inputs);
        var actual = new GraphInterpreter(read).Run(turned);
        var tolerance = written.Nodes.Any(n => n.Op is QuantizeLinear) ? 0.05f : 1e-4f;
        foreach (var (output, readOutput) in written.Outputs.Zip(read.Outputs))
        {
            var tensor = isChannelsLast(output.Name) ? Turned(expected[output.Name]) : expected[output.Name];
            var (wanted, given) = (Numbers(tensor), Numbers(actual[readOutput.Name]));
            var scale = Math.Max(1e-3f, wanted.Where(float.IsFinite).Select(MathF.Abs).Append(0).Max());
            if (wanted.Length != given.Length || wanted.Zip(given).Any(p => !p.First.Equals(p.Second) && !(MathF.Abs(p.First - p.Second) <= tolerance * scale)))
                throw new InvalidGraphException($"graph {written.Name}: output '{output.Name}' of the file read back differs from the graph that was written");
        }
    }

    private static Tensor Turned(Tensor tensor)
    {
        var shape = tensor.Shape;
        if (tensor.Type == ElementType.Float32)
        {
            var floats = new float[tensor.Count];
            Layout.Transpose<float>([0, 2, 3, 1], tensor.Floats, shape, floats);
            return Tensor.Of(floats, shape[0], shape[2], shape[3], shape[1]);
        }
        var integers = new long[tensor.Count];
        Layout.Transpose<long>([0, 2, 3, 1], Casting.Integers(tensor), shape, integers);
        return Casting.Run(Tensor.Of(integers, shape[0], shape[2], shape[3], shape[1]), tensor.Type);
    }

    private static float[] Numbers(Tensor tensor) => Casting.Run(tensor, ElementType.Float32).Floats;

    private static bool Same(Tensor a, Tensor b) =>
        a.Type == b.Type && a.Shape.AsSpan().SequenceEqual(b.Shape) && (a.Data is float[] x && b.Data is float[] y
            ? x.AsSpan().SequenceEqual(y)
            : a.Data.Cast<object>().SequenceEqual(b.Data.Cast<object>()));

    private static Tensor Sample(ValueSpec input, int batch)
    {
        var random = new Random(20261124);
        var shape = Array.ConvertAll(input.Shape, d => d < 0 ? batch : d);
        var count = (int)shape.Aggregate(1L, (a, d) => a * d);
        return input.Type switch
        {
            ElementType.Float32 => Tensor.Of(Enumerable.Range(0, count).Select(_ => random.NextSingle() * 255).ToArray(), shape),
            ElementType.UInt8 => Tensor.Of(Enumerable.Range(0, count).Select(_ => (byte)random.Next(256)).ToArray(), shape),
            ElementType.Int8 => Tensor.Of(Enumerable.Range(0, count).Select(_ => (sbyte)random.Next(-128, 128)).ToArray(), shape),
            ElementType.Int32 => Tensor.Of(new int[count], shape),
            ElementType.Int64 => Tensor.Of(new long[count], shape),
            _ => Tensor.Of(new bool[count], shape),
        };
    }
}

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
        var inputs = written.Inputs.ToDictionary(i => i.Name, Sample);
        var expected = new GraphInterpreter(written).Run(inputs);
        var actual = new GraphInterpreter(read).Run(inputs);
        foreach (var (name, tensor) in expected)
            if (!actual.TryGetValue(name, out var other) || !Same(tensor, other))
                throw new InvalidGraphException($"graph {written.Name}: output '{name}' of the file read back differs from the graph that was written");
    }

    private static bool Same(Tensor a, Tensor b) =>
        a.Type == b.Type && a.Shape.AsSpan().SequenceEqual(b.Shape) && (a.Data is float[] x && b.Data is float[] y
            ? x.AsSpan().SequenceEqual(y)
            : a.Data.Cast<object>().SequenceEqual(b.Data.Cast<object>()));

    private static Tensor Sample(ValueSpec input)
    {
        var random = new Random(20261124);
        var shape = Array.ConvertAll(input.Shape, d => d < 0 ? Samples : d);
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

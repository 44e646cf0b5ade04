using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>x / 2 * (1 + erf(x / sqrt 2)): other graphs compose it, as opset 13 of ONNX must.</summary>
internal sealed record Gelu : UnaryOperator;

/// <summary>x / 2 * (1 + erf(x / sqrt 2)), in whatever order the factors come, as one <see cref="Gelu"/>, for formats that have it.</summary>
public static class FuseGelu
{
    private const float Tolerance = 1e-5f;

    public static GraphSpec Apply(GraphSpec graph)
    {
        var (producers, readers) = (graph.Producers(), graph.ReaderCounts());
        var readerOf = graph.Nodes.SelectMany(n => n.Inputs.Select(i => (i, n))).GroupBy(p => p.i).ToDictionary(g => g.Key, g => g.First().n);
        var fused = new Dictionary<string, Node>();
        foreach (var node in graph.Nodes)
            if (node.Op is Erf && Argument(producers.GetValueOrDefault(node.Inputs[0])) is { } x
                && OnlyReader(node.Output) is { Op: Add } add && Number(Other(add, node.Output)) is 1 && Product(x, add) is { } last)
                fused[last.Output] = last with { Op = new Gelu(), Inputs = [x] };
        return fused.Count == 0 ? graph : (graph with { Nodes = [.. graph.Nodes.Select(n => fused.GetValueOrDefault(n.Output, n))] }).RemoveUnused();

        // The value that erf gets a multiple of.
        string? Argument(Node? node) => node switch
        {
            { Op: Mul } when Near(Number(node.Inputs[1]), MathF.Sqrt(0.5f)) => node.Inputs[0],
            { Op: Mul } when Near(Number(node.Inputs[0]), MathF.Sqrt(0.5f)) => node.Inputs[1],
            { Op: Div } when Near(Number(node.Inputs[1]), MathF.Sqrt(2)) => node.Inputs[0],
            _ => null,
        };

        // Follows the products of 1 + erf until they hold x once and a half.
        Node? Product(string x, Node node)
        {
            var (factor, hasX) = (1f, false);
            while (OnlyReader(node.Output) is { Op: Mul } next)
            {
                var other = Other(next, node.Output);
                var half = producers.GetValueOrDefault(other) is { Op: Mul } scaled && scaled.Inputs.Contains(x) ? Number(Other(scaled, x)) : null;
                if (Number(other) is { } number)
                    factor *= number;
                else if (!hasX && (other == x || half is not null))
                    (factor, hasX) = (factor * (half ?? 1), true);
                else
                    return null;
                if (hasX && Near(factor, 0.5f))
                    return next;
                node = next;
            }
            return null;
        }

        Node? OnlyReader(string value) => readers[value] == 1 ? readerOf.GetValueOrDefault(value) : null;

        float? Number(string value) => graph.Constants.TryGetValue(value, out var tensor) && tensor is { Type: ElementType.Float32, Count: 1, Shape.Length: <= 1 } ? tensor.Floats[0] : null;
    }

    private static string Other(Node node, string value) => node.Inputs[0] == value ? node.Inputs[1] : node.Inputs[0];

    private static bool Near(float? number, float wanted) => number is { } n && MathF.Abs(n - wanted) < Tolerance;
}

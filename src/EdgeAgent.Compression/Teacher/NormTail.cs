using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Compression.Teacher;

/// <summary>A batch-norm and what is computed of its result alone: the addition of a residual, a ReLU, both or nothing.</summary>
/// <param name="Residual">The other term of the addition; null where there is none.</param>
/// <param name="Within">Values that nothing else reads: they need not exist.</param>
internal sealed record NormTail(Node Norm, string? Residual, bool Relu, IReadOnlyList<string> Within)
{
    /// <summary>Every value that is read, as often as it is.</summary>
    public IEnumerable<string> Inputs => Residual is null ? Norm.Inputs : Norm.Inputs.Append(Residual);

    /// <summary>By the value that each ends with.</summary>
    /// <param name="uses">How often each value is read.</param>
    public static Dictionary<string, NormTail> Find(GraphSpec graph, IReadOnlyDictionary<string, int> uses)
    {
        var tails = new Dictionary<string, NormTail>();
        var reader = graph.Nodes.SelectMany(n => n.Inputs.Select(i => (i, n))).Where(p => uses.GetValueOrDefault(p.i) == 1).DistinctBy(p => p.i).ToDictionary(p => p.i, p => p.n);
        var taken = new HashSet<string>();
        foreach (var norm in graph.Nodes.Where(n => n.Op is BatchNormalization))
        {
            var (output, within, residual) = (norm.Output, new List<string>(), (string?)null);
            // Of two batch-norms that are added, the first takes the addition.
            if (reader.GetValueOrDefault(output) is { Op: Add } add && taken.Add(add.Output))
            {
                residual = add.Inputs[add.Inputs[0] == output ? 1 : 0];
                within.Add(output);
                output = add.Output;
            }
            var relu = reader.GetValueOrDefault(output) is { Op: EdgeAgent.Graph.Ir.Relu };
            if (relu)
            {
                within.Add(output);
                output = reader[output].Output;
            }
            tails[output] = new NormTail(norm, residual, relu, within);
        }
        return tails;
    }
}

using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites.Quantization;

/// <summary>
/// Moves scale between two layers, channel by channel, so that the channels of the activation between them fill its one
/// quantization range alike: channel c is divided by s_c, and the weights that read it are multiplied by s_c. The graph
/// computes the same. After Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (2019); as weights
/// have a scale per output channel here, what is balanced against the reading weights is the activation's range and not the
/// writing weights' (Xiao et al., "SmoothQuant", 2023, with alpha = 1/2).
/// </summary>
public static class ChannelEqualization
{
    /// <summary>Largest factor on a channel, against the mean: ranges of hardly used channels are guesses.</summary>
    private const double Limit = 32;

    /// <param name="graph">From <see cref="Simplification.ForQuantization"/>.</param>
    /// <param name="batches">Inputs as <see cref="GraphInterpreter.Run"/> takes them; at least one batch.</param>
    public static GraphSpec Apply(GraphSpec graph, IEnumerable<IReadOnlyDictionary<string, Tensor>> batches, int threads = 0)
    {
        var pairs = Pairs(graph);
        if (pairs.Count == 0)
            return graph;
        var ranges = Ranges(graph, pairs, batches, threads);
        var constants = new Dictionary<string, Tensor>(graph.Constants);
        // In the order of computation, each with the ranges that the pair before it left.
        foreach (var pair in pairs)
        {
            var reading = ReadingRanges(pair.Reader, constants);
            var range = ranges[pair.Activation];
            bool[] used = [.. reading.Select((r, c) => r > 0 && range[c] > 0)];
            if (!used.Contains(true))
                continue;
            // Only proportions matter: without the mean the scale of the whole activation would wander.
            double[] logarithms = [.. reading.Select((r, c) => used[c] ? Math.Log(range[c] / r) / 2 : 0)];
            var mean = logarithms.Where((_, c) => used[c]).Average();
            double[] factors = [.. logarithms.Select((l, c) => used[c] ? Math.Clamp(Math.Exp(l - mean), 1 / Limit, Limit) : 1)];
            ScaleRows(constants, pair.Writer, c => 1 / factors[c]);
            ScaleReaders(constants, pair.Reader, c => factors[c]);
        }
        return (graph with { Constants = constants }).Verify();
    }

    /// <summary>Two layers and the activation between them, which no other node reads.</summary>
    private sealed record Pair(Node Writer, string Activation, Node Reader);

    private static List<Pair> Pairs(GraphSpec graph)
    {
        var counts = graph.ReaderCounts();
        var readers = graph.Nodes.SelectMany(n => n.Inputs.Select(i => (Input: i, Node: n))).ToLookup(r => r.Input, r => r.Node);
        var shared = graph.Nodes.SelectMany(n => n.Inputs.Skip(1)).CountBy(i => i).Where(c => c.Value > 1).Select(c => c.Key).ToHashSet();
        var pairs = new List<Pair>();
        foreach (var writer in graph.Nodes.Where(n => n.Op is Conv && Owns(n)))
        {
            var activation = writer.Output;
            // Only functions with f(s x) = s f(x) let a scale pass.
            while (counts.GetValueOrDefault(activation) == 1 && readers[activation].First() is { Op: Relu or LeakyRelu or MaxPool } next)
                activation = next.Output;
            if (counts.GetValueOrDefault(activation) == 1 && readers[activation].First() is { Op: Conv conv } reader && reader.Inputs[0] == activation
                && Owns(reader) && (conv.Groups == 1 || conv.Groups == graph.Constants[reader.Inputs[1]].Shape[0]))
                pairs.Add(new(writer, activation, reader));
        }
        return pairs;

        bool Owns(Node layer) => layer.Inputs.Skip(1).All(i => i.Length == 0 || graph.Constants.ContainsKey(i) && !shared.Contains(i));
    }

    /// <summary>Largest magnitude of each channel (axis 1) of the activations.</summary>
    private static Dictionary<string, double[]> Ranges(GraphSpec graph, List<Pair> pairs, IEnumerable<IReadOnlyDictionary<string, Tensor>> batches, int threads)
    {
        var observed = graph with { Outputs = [.. pairs.Select(p => new ValueSpec(p.Activation, ElementType.Float32, [])).DistinctBy(v => v.Name)] };
        var interpreter = new GraphInterpreter(observed, threads);
        var ranges = new Dictionary<string, double[]>();
        foreach (var batch in batches)
            foreach (var (name, value) in interpreter.Run(batch))
            {
                var channels = value.Shape[1];
                var largest = ranges.TryGetValue(name, out var known) ? known : ranges[name] = new double[channels];
                var size = value.Count / (value.Shape[0] * channels);
                for (var i = 0; i < value.Floats.Length; i++)
                    largest[i / size % channels] = Math.Max(largest[i / size % channels], Math.Abs(value.Floats[i]));
            }
        return ranges;
    }

    /// <summary>Largest weight that reads each input channel.</summary>
    private static double[] ReadingRanges(Node reader, Dictionary<string, Tensor> constants)
    {
        var weights = constants[reader.Inputs[1]];
        var result = new double[IsDepthwise(reader) ? weights.Shape[0] : weights.Shape[1]];
        ForEachWeight(reader, weights, (i, channel) => result[channel] = Math.Max(result[channel], Math.Abs(weights.Floats[i])));
        return result;
    }

    private static void ScaleRows(Dictionary<string, Tensor> constants, Node writer, Func<int, double> factor)
    {
        foreach (var name in writer.Inputs.Skip(1).Where(i => i.Length > 0))
        {
            var tensor = constants[name];
            var size = tensor.Count / tensor.Shape[0];
            constants[name] = Tensor.Of([.. tensor.Floats.Select((v, i) => (float)(v * factor(i / size)))], tensor.Shape);
        }
    }

    private static void ScaleReaders(Dictionary<string, Tensor> constants, Node reader, Func<int, double> factor)
    {
        var weights = constants[reader.Inputs[1]];
        var scaled = (float[])weights.Floats.Clone();
        ForEachWeight(reader, weights, (i, channel) => scaled[i] = (float)(scaled[i] * factor(channel)));
        constants[reader.Inputs[1]] = Tensor.Of(scaled, weights.Shape);
    }

    /// <summary>Every weight with the input channel that it multiplies.</summary>
    private static void ForEachWeight(Node reader, Tensor weights, Action<int, int> visit)
    {
        var (rows, depth) = (weights.Shape[0], weights.Shape[1]);
        var size = weights.Count / (rows * depth);
        var depthwise = IsDepthwise(reader);
        for (var i = 0; i < weights.Count; i++)
            visit(i, depthwise ? i / (size * depth) : i / size % depth);
    }

    private static bool IsDepthwise(Node reader) => ((Conv)reader.Op).Groups > 1;
}

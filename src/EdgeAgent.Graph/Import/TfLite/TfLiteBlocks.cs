using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TfLite;

/// <summary>
/// Images that are taken apart into a larger batch and put together again. With a convolution between the two this is how converters
/// write a dilated one, and it becomes that: what was emitted in between is then read by nothing and goes.
/// </summary>
internal sealed class TfLiteBlocks
{
    private readonly record struct Apart(string X, int[] Block, (int Before, int After)[] Margins);

    private readonly record struct Computed(int[] Block, Func<(int Before, int After)[], string> Whole);

    private readonly Dictionary<int, Apart> _apart = [];
    private readonly Dictionary<int, Computed> _computed = [];

    /// <summary>Each of b1 x b2 interleaved images becomes one of the batch.</summary>
    public static void SpaceToBatch(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var (x, block, margins) = Read(node, graph);
        var rank = graph.Shape(x).Length;
        int[] Sides(Func<(int Before, int After), int> side) => [0, .. margins.Select(side), .. new int[rank - 1 - block.Length]];
        var padded = margins.All(m => m == (0, 0)) ? x : graph.Emit(node, new Pad([.. Sides(m => m.Before), .. Sides(m => m.After)], 0), x);
        var shape = graph.Shape(padded);
        for (var i = 0; i < block.Length; i++)
            if (shape[1 + i] % block[i] != 0)
                throw node.Fault($"[{string.Join(',', shape)}] does not divide into blocks of [{string.Join(',', block)}]");
        // [N, s1 / b1, b1, s2 / b2, b2, ...] to [b1, b2, N, s1 / b1, s2 / b2, ...]
        long[] rest = [.. shape[(1 + block.Length)..].Select(d => (long)d)];
        var apart = graph.Emit(node, new Reshape([-1, .. block.SelectMany((b, i) => new long[] { shape[1 + i] / b, b }), .. rest]), padded);
        var axes = Enumerable.Range(0, block.Length);
        var moved = Moved(node, graph, apart, [.. axes.Select(i => 2 + 2 * i), 0, .. axes.Select(i => 1 + 2 * i)]);
        graph.Define(node, graph.Emit(node, new Reshape([-1, .. block.Select((b, i) => (long)shape[1 + i] / b), .. rest]), moved));
        if (rank == block.Length + 2)
            graph.Blocks._apart[node.OutputIndex(0)] = new(x, block, margins);
    }

    public static void BatchToSpace(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var (x, block, margins) = Read(node, graph);
        if (graph.Blocks._computed.TryGetValue(node.InputIndex(0), out var computed) && computed.Block.AsSpan().SequenceEqual(block))
        {
            graph.Define(node, computed.Whole(margins));
            return;
        }
        var shape = graph.Shape(x);
        if (shape[0] % block.Aggregate(1, (a, b) => checked(a * b)) != 0)
            throw node.Fault($"a batch of {shape[0]} does not come from blocks of [{string.Join(',', block)}]");
        var axes = Enumerable.Range(0, block.Length);
        var apart = graph.Emit(node, new Reshape([.. block.Select(b => (long)b), -1, .. shape[1..].Select(d => (long)d)]), x);
        var moved = Moved(node, graph, apart, [block.Length, .. axes.SelectMany(i => new[] { block.Length + 1 + i, i })]);
        var whole = graph.Emit(node, new Reshape([-1, .. axes.Select(i => checked((long)shape[1 + i] * block[i])), .. shape[(1 + block.Length)..].Select(d => (long)d)]), moved);
        graph.Define(node, Cropped(node, graph, whole, [.. margins.Select(m => m.Before)], [.. margins.Select(m => m.After)]));
    }

    /// <summary>Notes that a node convolves what an image was taken apart into.</summary>
    /// <param name="convolve">The node's result, channels last, for an image and a window.</param>
    public void Convolved(TfLiteNode node, TfLiteGraphBuilder graph, Window window, Func<string, Window, string> convolve)
    {
        if (!_apart.TryGetValue(node.InputIndex(0), out var apart) || apart.Block.Length != window.Kernel.Length || window.Strides.Any(s => s != 1) || window.Pads.Any(p => p != 0))
            return;
        _computed[node.OutputIndex(0)] = new(apart.Block, crops =>
        {
            var (dilated, starts, ends) = BlockedImages.Dilated(window, apart.Block, apart.Margins, crops);
            return Cropped(node, graph, convolve(apart.X, dilated), starts, ends);
        });
    }

    private static string Cropped(TfLiteNode node, TfLiteGraphBuilder graph, string whole, int[] starts, int[] ends)
    {
        var size = graph.Shape(whole);
        int[] cut = [.. Enumerable.Range(0, starts.Length).Where(i => starts[i] + ends[i] > 0)];
        return cut.Length == 0 ? whole : graph.Emit(node, new StridedSlice([.. cut.Select(i => starts[i])], [.. cut.Select(i => size[1 + i] - ends[i])], [.. cut.Select(i => 1 + i)], [.. cut.Select(_ => 1)]), whole);
    }

    /// <summary>A Transpose of the first axes; those behind keep their places.</summary>
    private static string Moved(TfLiteNode node, TfLiteGraphBuilder graph, string x, int[] first) =>
        graph.Emit(node, new Transpose([.. first, .. Enumerable.Range(first.Length, graph.Shape(x).Length - first.Length)]), x);

    private static (string X, int[] Block, (int Before, int After)[] Margins) Read(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var (x, block, given) = (graph.Real(node, 0), graph.Ints(node, 1), graph.Ints(node, 2));
        var shape = graph.Shape(x);
        if (block.Length is < 1 or > 2 || shape.Length < block.Length + 2 || given.Length != 2 * block.Length || block.Any(b => b is < 1 or > 1 << 12) || given.Any(m => m is < 0 or > 1 << 15))
            throw node.Fault($"blocks of [{string.Join(',', block.Take(8))}] with margins [{string.Join(',', given.Take(8))}] do not fit [{string.Join(',', shape)}]");
        return (x, block, [.. given.Chunk(2).Select(m => (m[0], m[1]))]);
    }
}

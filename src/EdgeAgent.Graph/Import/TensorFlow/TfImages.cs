using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TensorFlow;

/// <summary>Images of another size, and images taken apart into a larger batch and put together again, as dilated convolutions are written.</summary>
internal static class TfImages
{
    public static Laid Resize(TfNode node, ChannelsLastGraph graph, bool linear)
    {
        if (node.Shape(0).Length != 4 || node.Ints(1, "size") is not [> 0 and var height, > 0 and var width])
            throw node.Fault($"cannot resize [{string.Join(',', node.Shape(0))}]; a batch of images and a height and width are needed");
        var (align, half) = (node.Flag("align_corners"), node.Flag("half_pixel_centers"));
        var coordinates = align ? ResizeCoordinates.AlignCorners : half ? ResizeCoordinates.HalfPixel : ResizeCoordinates.Asymmetric;
        var rounding = linear ? ResizeRounding.Linear : align || half ? ResizeRounding.RoundPreferCeil : ResizeRounding.Floor;
        var shape = node.Shape(0);
        return graph.Resize(node.Name, node.Data(0), new([height, width], [(float)((double)height / shape[1]), (float)((double)width / shape[2])], coordinates, rounding));
    }

    /// <summary>Each of b1 x b2 interleaved images becomes one of the batch.</summary>
    public static Laid SpaceToBatch(TfNode node, ChannelsLastGraph graph)
    {
        var (block, margins) = Blocks(node);
        var rank = node.Shape(0).Length;
        var pads = new int[2 * rank];
        for (var i = 0; i < block.Length; i++)
            (pads[1 + i], pads[1 + i + rank]) = margins[i];
        var x = graph.Pad(node.Name + "_padded", node.Data(0), pads, 0);
        var shape = graph.Shape(x);
        for (var i = 0; i < block.Length; i++)
            if (shape[1 + i] % block[i] != 0)
                throw node.Fault($"[{string.Join(',', shape)}] does not divide into blocks of [{string.Join(',', block)}]");
        // [N, s1 / b1, b1, s2 / b2, b2, ...] to [b1, b2, N, s1 / b1, s2 / b2, ...]
        var apart = graph.Reshape(node.Name + "_apart", x, [shape[0], .. block.SelectMany((b, i) => new[] { shape[1 + i] / b, b }), .. shape[(1 + block.Length)..]], node.Fault);
        var moved = Moved(graph, node.Name + "_moved", apart, [.. Each(block, i => 2 + 2 * i), 0, .. Each(block, i => 1 + 2 * i)]);
        var made = graph.Reshape(node.Name, moved, [checked(shape[0] * block.Aggregate(1, (a, b) => a * b)), .. block.Select((b, i) => shape[1 + i] / b), .. shape[(1 + block.Length)..]], node.Fault);
        if (rank == block.Length + 2)
            graph.Blocked.TakenApart(made, node.Data(0), block, margins);
        return made;
    }

    public static Laid BatchToSpace(TfNode node, ChannelsLastGraph graph)
    {
        var (block, margins) = Blocks(node);
        if (graph.Blocked.Whole(node.Data(0), block, margins) is { } dilated)
            return dilated;
        var shape = node.Shape(0);
        var count = block.Aggregate(1, (a, b) => checked(a * b));
        if (shape[0] % count != 0)
            throw node.Fault($"a batch of {shape[0]} does not come from blocks of [{string.Join(',', block)}]");
        var apart = graph.Reshape(node.Name + "_apart", node.Data(0), [.. block, shape[0] / count, .. shape[1..]], node.Fault);
        var moved = Moved(graph, node.Name + "_moved", apart, [block.Length, .. Enumerable.Range(0, block.Length).SelectMany(i => new[] { block.Length + 1 + i, i })]);
        var whole = graph.Reshape(node.Name, moved, [shape[0] / count, .. block.Select((b, i) => checked(shape[1 + i] * b)), .. shape[(1 + block.Length)..]], node.Fault);
        var (size, cut) = (graph.Shape(whole), Enumerable.Range(0, block.Length).Where(i => margins[i] != (0, 0)).ToArray());
        return graph.Slice(node.Name + "_cropped", whole, new(
            [.. cut.Select(i => margins[i].Before)], [.. cut.Select(i => size[1 + i] - margins[i].After)], [.. cut.Select(i => 1 + i)], [.. cut.Select(_ => 1)]));
    }

    /// <summary>A Transpose of the first axes; those behind keep their places.</summary>
    private static Laid Moved(ChannelsLastGraph graph, string name, Laid x, int[] first) =>
        new(graph.Assembly.Emit(name, new Transpose([.. first, .. Enumerable.Range(first.Length, graph.Shape(x).Length - first.Length)]), graph.Plain(x)));

    private static IEnumerable<int> Each(int[] block, Func<int, int> axis) => Enumerable.Range(0, block.Length).Select(axis);

    private static (int[] Block, (int Before, int After)[] Margins) Blocks(TfNode node)
    {
        var (block, given, rank) = (node.Ints(1, "block shape"), node.Ints(2, "margins"), node.Shape(0).Length);
        if (block.Length is < 1 or > 2 || rank < block.Length + 2 || given.Length != 2 * block.Length || block.Any(b => b is < 1 or > 1 << 12) || given.Any(m => m is < 0 or > 1 << 15))
            throw node.Fault($"blocks of [{string.Join(',', block.Take(8))}] with margins [{string.Join(',', given.Take(8))}] do not fit [{string.Join(',', node.Shape(0))}]");
        return (block, [.. given.Chunk(2).Select(m => (m[0], m[1]))]);
    }
}

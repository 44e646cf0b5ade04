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

    /// <summary>Blocks of channels become blocks of pixels.</summary>
    public static Laid DepthToSpace(TfNode node, ChannelsLastGraph graph)
    {
        var (shape, block) = Traded(node);
        if (shape[3] % (block * block) != 0)
            throw node.Fault($"{shape[3]} channels do not make blocks of {block} x {block}");
        var depth = shape[3] / block / block;
        return Rearranged(node, graph, [shape[0], shape[1], shape[2], block, block, depth], [shape[0], checked(shape[1] * block), checked(shape[2] * block), depth]);
    }

    public static Laid SpaceToDepth(TfNode node, ChannelsLastGraph graph)
    {
        var (shape, block) = Traded(node);
        if (shape[1] % block != 0 || shape[2] % block != 0)
            throw node.Fault($"[{string.Join(',', shape)}] does not make blocks of {block} x {block}");
        return Rearranged(node, graph, [shape[0], shape[1] / block, block, shape[2] / block, block, shape[3]], [shape[0], shape[1] / block, shape[2] / block, checked(block * block * shape[3])]);
    }

    /// <summary>x / (bias + alpha * sum of x^2 over the channels up to a radius away) ^ beta.</summary>
    public static Laid NormalizedByNeighbours(TfNode node, ChannelsLastGraph graph)
    {
        var (assembly, shape, radius) = (graph.Assembly, node.Shape(0), node.Int("depth_radius", 5));
        if (shape.Length != 4 || radius is < 0 or > 1 << 12)
            throw node.Fault($"{radius} channels on both sides of [{string.Join(',', shape)}] are not supported");
        Laid Number(string role, float value) => Activations.Number($"{node.Name}_{role}", value, graph);
        // Channels as the height of an image of one channel; with zeros around, an average of n is the sum divided by n.
        var size = 2 * (int)radius + 1;
        Laid x = new(graph.Planar(node.Data(0)), Planar: true);
        var squares = assembly.Emit(node.Name + "_column", new Reshape([0, 1, shape[3], -1]), graph.Binary(node.Name + "_squares", new Mul(), x, x).Name);
        var means = assembly.Emit(node.Name + "_means", new AveragePool(new([size, 1], [1, 1], [(int)radius, 0, (int)radius, 0], [1, 1]), CeilMode: false, CountIncludePad: true), squares);
        Laid image = new(assembly.Emit(node.Name + "_image", new Reshape([0, shape[3], shape[1], shape[2]]), means), Planar: true);
        var sums = graph.Binary(node.Name + "_sums", new Mul(), image, Number("alpha", node.Float("alpha", 1) * size));
        var basis = graph.Binary(node.Name + "_basis", new Add(), sums, Number("bias", node.Float("bias", 1)));
        return graph.Binary(node.Name, new Div(), x, graph.Binary(node.Name + "_divisor", new Pow(), basis, Number("beta", node.Float("beta", 0.5f))));
    }

    private static (int[] Shape, int Block) Traded(TfNode node) =>
        node.Shape(0) is { Length: 4 } shape && node.Text("data_format", "NHWC") == "NHWC" && node.Int("block_size", 0) is >= 1 and < 1 << 10 and var block
            ? (shape, (int)block)
            : throw node.Fault($"blocks of {node.Int("block_size", 0)} do not fit [{string.Join(',', node.Shape(0))}] in {ModelImportException.OneLine(node.Text("data_format", "NHWC"))}");

    /// <summary>The third and fourth of six axes exchanged.</summary>
    private static Laid Rearranged(TfNode node, ChannelsLastGraph graph, int[] apart, int[] joined)
    {
        var split = graph.Reshape(node.Name + "_apart", node.Data(0), apart, node.Fault);
        Laid moved = new(graph.Assembly.Emit(node.Name + "_moved", new Transpose([0, 1, 3, 2, 4, 5]), graph.Plain(split)));
        return graph.Reshape(node.Name, moved, joined, node.Fault);
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

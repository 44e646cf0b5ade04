using System.Buffers.Binary;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TfLite;

/// <summary>Converters of operators that enlarge images, or trade their size for channels.</summary>
internal static class TfLiteImages
{
    // Size of the result, filters [outputs, height, width, inputs], image, optional bias.
    public static void Transposed(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        if (graph.Ints(node, 0) is not [_, var height, var width, _])
            throw node.Fault("does not say the size of its result by four numbers");
        var y = Enlarge(node, graph, data: 2, bias: 3, [height, width], [node.Int(2), node.Int(1)], node.Byte(0) == 0);
        graph.Define(node, graph.Nhwc(node, TfLiteOperators.Activated(node, graph, 3, y)));
    }

    /// <summary>Image, filters, bias. The options are a struct of MediaPipe: padding (1 is same), stride by width and by height.</summary>
    public static void TransposedWithBias(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var options = node.Custom.Span;
        var size = node.Output(0).Shape;
        if (options.Length < 12 || size.Length != 4)
            throw node.Fault("has no options or size that are known here");
        int[] strides = [BinaryPrimitives.ReadInt32LittleEndian(options[8..]), BinaryPrimitives.ReadInt32LittleEndian(options[4..])];
        graph.Define(node, graph.Nhwc(node, Enlarge(node, graph, data: 0, bias: 2, size[1..3], strides, BinaryPrimitives.ReadInt32LittleEndian(options) == 1)));
    }

    public static void DepthToSpace(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var (x, block, shape) = Blocks(node, graph);
        if (shape[3] % (block * block) != 0)
            throw node.Fault($"{shape[3]} channels do not make blocks of {block} x {block}");
        var depth = shape[3] / block / block;
        Rearrange(node, graph, x, [-1, shape[1], shape[2], block, block, depth], [0, 1, 3, 2, 4, 5], [-1, shape[1] * block, shape[2] * block, depth]);
    }

    public static void SpaceToDepth(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var (x, block, shape) = Blocks(node, graph);
        if (shape[1] % block != 0 || shape[2] % block != 0)
            throw node.Fault($"[{string.Join(',', shape)}] does not make blocks of {block} x {block}");
        Rearrange(node, graph, x, [-1, shape[1] / block, block, shape[2] / block, block, shape[3]], [0, 1, 3, 2, 4, 5], [-1, shape[1] / block, shape[2] / block, block * block * shape[3]]);
    }

    /// <summary>x / (bias + alpha * sum of x^2 over the channels up to a radius away) ^ beta.</summary>
    public static void NormalizedByNeighbours(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var (x, radius) = (graph.Real(node, 0), node.Int(0));
        var shape = graph.Shape(x);
        if (shape.Length < 2 || radius is < 0 or > 1 << 12)
            throw node.Fault($"{radius} channels on both sides of [{string.Join(',', shape)}] are not supported");
        string Number(float value) => graph.NewConstant(node, "number", Tensor.Of([value]));
        // Channels as the width of an image of one channel; with zeros around, an average of n is the sum divided by n.
        var size = 2 * radius + 1;
        var squares = graph.Emit(node, new Reshape([shape[0], 1, -1, shape[^1]]), graph.Emit(node, new Mul(), x, x));
        var means = graph.Emit(node, new AveragePool(new([1, size], [1, 1], [0, radius, 0, radius], [1, 1]), CeilMode: false, CountIncludePad: true), squares);
        var sums = graph.Emit(node, new Mul(), graph.Emit(node, new Reshape([.. shape.Select(d => (long)d)]), means), Number(node.Float(2) * size));
        graph.Define(node, graph.Emit(node, new Div(), x, graph.Emit(node, new Pow(), graph.Emit(node, new Add(), sums, Number(node.Float(1))), Number(node.Float(3)))));
    }

    /// <summary>Elements of the value itself as its margin: mode 0 without, mode 1 with the outermost one.</summary>
    public static void MirrorPad(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var (x, given) = (graph.Real(node, 0), graph.Ints(node, 1));
        var shape = graph.Shape(x);
        if (given.Length != 2 * shape.Length)
            throw node.Fault($"{given.Length} pads do not fit {shape.Length} axes");
        Margins.Rule mode = node.Byte(0) == 0 ? Margins.Reflect : Margins.Symmetric;
        for (var axis = 0; axis < shape.Length; axis++)
            if (given[2 * axis] != 0 || given[2 * axis + 1] != 0)
            {
                var indices = Margins.Indices(shape[axis], given[2 * axis], given[2 * axis + 1], mode, node.Fault);
                x = graph.Emit(node, new Gather(axis), x, graph.NewConstant(node, "mirrored", Tensor.Of(indices, indices.Length)));
            }
        graph.Define(node, x);
    }

    private static string Enlarge(TfLiteNode node, TfLiteGraphBuilder graph, int data, int bias, int[] sizes, int[] strides, bool same)
    {
        if (node.Input(1).Shape is not { Length: 4 } filter || sizes.Concat(strides).Any(v => v is < 1 or > 1 << 15) || filter.Any(d => d < 1))
            throw node.Fault($"has a filter [{string.Join(',', node.Input(1).Shape)}], strides [{string.Join(',', strides)}] and a result of [{string.Join(',', sizes)}], which do not fit");
        var x = graph.RealNchw(node, data);
        var (pads, extra) = (new int[4], new int[2]);
        for (var i = 0; i < 2; i++)
        {
            var beyond = (graph.Shape(x)[2 + i] - 1L) * strides[i] + filter[1 + i] - sizes[i];
            extra[i] = (int)Math.Clamp(-beyond, 0, 1 << 20);
            var cut = (int)Math.Clamp(beyond, 0, 1 << 20);
            (pads[i], pads[i + 2]) = same ? (cut / 2, cut - cut / 2) : (0, cut);
        }
        var op = new ConvTranspose(new(filter[1..3], strides, pads, [1, 1]), 1, extra);
        var weights = graph.Weights(node, 1, 3, 0, 1, 2);
        return node.Has(bias) ? graph.Emit(node, op, x, weights, graph.Weights(node, bias)) : graph.Emit(node, op, x, weights);
    }

    private static (string X, int Block, int[] Shape) Blocks(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var (x, block) = (graph.Real(node, 0), node.Int(0));
        var shape = graph.Shape(x);
        return shape.Length == 4 && block is > 0 and < 1 << 10 ? (x, block, shape) : throw node.Fault($"blocks of {block} do not fit [{string.Join(',', shape)}]");
    }

    private static void Rearrange(TfLiteNode node, TfLiteGraphBuilder graph, string x, long[] split, int[] order, long[] joined)
    {
        // The batch is written as it is in the file, which is how a batch that becomes dynamic is recognised.
        split[0] = joined[0] = graph.Shape(x)[0];
        graph.Define(node, graph.Emit(node, new Reshape(joined), graph.Emit(node, new Transpose(order), graph.Emit(node, new Reshape(split), x))));
    }
}

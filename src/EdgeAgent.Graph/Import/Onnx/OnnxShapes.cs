using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>Axes, windows and target shapes as ONNX's operators define them.</summary>
internal static class OnnxShapes
{
    public static int Axis(OnnxNode node, long axis, int rank)
    {
        var index = axis < 0 ? axis + rank : axis;
        return index >= 0 && index < rank ? (int)index : throw node.Fault($"axis {axis} is outside a tensor of rank {rank}");
    }

    /// <summary>The shape after the node's Squeeze or Unsqueeze.</summary>
    public static int[] Squeezed(OnnxNode node, int[] shape, long[]? axes)
    {
        if (node.Op == "Squeeze")
        {
            var dropped = axes is null
                ? Enumerable.Range(0, shape.Length).Where(i => shape[i] == 1).ToHashSet()
                : axes.Select(a => Axis(node, a, shape.Length)).ToHashSet();
            if (dropped.Any(i => shape[i] != 1))
                throw node.Fault($"squeezes an axis of [{string.Join(',', shape)}] that is not 1");
            return [.. shape.Where((_, i) => !dropped.Contains(i))];
        }
        var rank = shape.Length + (axes?.Length ?? throw node.Fault("has no axes"));
        if (rank > 8)
            throw node.Fault($"has {rank} dimensions; at most 8 are supported");
        var added = axes.Select(a => Axis(node, a, rank)).ToHashSet();
        if (added.Count != axes.Length)
            throw node.Fault("names an axis twice");
        var next = 0;
        return [.. Enumerable.Range(0, rank).Select(i => added.Contains(i) ? 1 : shape[next++])];
    }

    /// <summary>The window of a convolution or pool, with auto_pad resolved against the input's spatial sizes.</summary>
    public static Window Window(OnnxNode node, int[] input, int[] kernel)
    {
        var axes = kernel.Length;
        if (axes is < 1 or > 2)
            throw node.Fault($"has a {axes}-dimensional window; 1 and 2 are supported");
        if (input.Length != axes + 2)
            throw node.Fault($"input [{string.Join(',', input)}] does not fit a {axes}-D window");
        var strides = node.SmallInts("strides") ?? Ones(axes);
        var dilations = node.SmallInts("dilations") ?? Ones(axes);
        if (strides.Length != axes || dilations.Length != axes || strides.Any(s => s < 1) || dilations.Any(d => d < 1))
            throw node.Fault($"strides [{string.Join(',', strides)}] or dilations [{string.Join(',', dilations)}] do not fit the kernel");
        var pads = node.String("auto_pad", "NOTSET") switch
        {
            "NOTSET" or "" => node.SmallInts("pads") ?? new int[2 * axes],
            "VALID" => new int[2 * axes],
            "SAME_UPPER" => Ir.Window.SamePads(input.AsSpan(2), kernel, strides, dilations),
            "SAME_LOWER" => Ir.Window.SamePads(input.AsSpan(2), kernel, strides, dilations, atStart: true),
            var other => throw node.Fault($"auto_pad '{ModelImportException.OneLine(other)}' is unknown"),
        };
        return new(kernel, strides, pads, dilations);
    }

    private static int[] Ones(int count) => Enumerable.Repeat(1, count).ToArray();
}

using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TensorFlow;

/// <summary>Target shapes and windows as TensorFlow's operators define them.</summary>
internal static class TfShapes
{
    public static int[] Expanded(TfNode node, int[] shape)
    {
        if (shape.Length >= 8)
            throw node.Fault("makes more than 8 axes, which is not supported");
        if (node.Ints(1, "axis") is not [var given])
            throw node.Fault("its axis is no single number");
        var axis = node.Axis(given, shape.Length + 1);
        return [.. shape[..axis], 1, .. shape[axis..]];
    }

    public static int[] Squeezed(TfNode node, int[] shape)
    {
        var given = node.List("squeeze_dims") is { Length: > 0 } named ? named : node.List("axis");
        var dropped = given is { Length: > 0 }
            ? given.Select(a => node.Axis(a, shape.Length)).ToHashSet()
            : Enumerable.Range(0, shape.Length).Where(i => shape[i] == 1).ToHashSet();
        if (dropped.Any(i => shape[i] != 1))
            throw node.Fault($"squeezes an axis of [{string.Join(',', shape)}] that is not 1");
        return [.. shape.Where((_, i) => !dropped.Contains(i))];
    }

    /// <summary>The target of a Reshape with -1 resolved; a dimension of k batches is -k.</summary>
    public static int[] Target(TfNode node, int[] from, FoldedValue target)
    {
        if (target.Numbers.Length > 8)
            throw node.Fault($"makes {target.Numbers.Length} axes; at most 8 are supported");
        var to = TargetShapes.Resolved(from, target.Numbers, zeroCopies: false, node.Fault);
        var (before, after) = (from.Aggregate(1.0, (a, d) => a * d), to.Aggregate(1.0, (a, d) => a * d));
        return before == after ? to : throw node.Fault($"cannot reshape [{string.Join(',', from)}] to [{string.Join(',', to)}]");
    }

    /// <summary>The window of a convolution or pool over spatial axes of the sizes in <paramref name="spatial"/>, padding resolved.</summary>
    public static Window Window(TfNode node, bool channelsFirst, int[] spatial, int[] kernel)
    {
        var axes = spatial.Length;
        var strides = Spatial(node, "strides", channelsFirst, axes);
        var dilations = Spatial(node, "dilations", channelsFirst, axes);
        var pads = new int[2 * axes];
        var padding = node.Text("padding", "VALID");
        switch (padding)
        {
            case "VALID":
                break;
            case "SAME":
                pads = Ir.Window.SamePads(spatial, kernel, strides, dilations);
                break;
            case "EXPLICIT" when node.List("explicit_paddings") is { } given && given.Length == 2 * (axes + 2):
                for (var i = 0; i < axes; i++)
                    (pads[i], pads[i + axes]) = (given[2 * (i + (channelsFirst ? 2 : 1))], given[2 * (i + (channelsFirst ? 2 : 1)) + 1]);
                break;
            default:
                throw node.Fault($"padding '{ModelImportException.OneLine(padding)}' is not supported");
        }
        return new(kernel, strides, pads, dilations);
    }

    /// <summary>An attribute with one entry for each axis of the value: those of the spatial axes; the others must be 1.</summary>
    public static int[] Spatial(TfNode node, string attribute, bool channelsFirst, int axes)
    {
        if (node.List(attribute) is not { Length: > 0 } given)
            return Enumerable.Repeat(1, axes).ToArray();
        if (given.Length != axes + 2 || given.Any(v => v < 1) || given[0] != 1 || given[channelsFirst ? 1 : ^1] != 1)
            throw node.Fault($"{attribute} [{string.Join(',', given)}] do not fit {axes} spatial axes");
        return channelsFirst ? given[2..] : given[1..^1];
    }
}

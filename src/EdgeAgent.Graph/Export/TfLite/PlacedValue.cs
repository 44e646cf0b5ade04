using EdgeAgent.Graph.Import.TfLite;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Export.TfLite;

/// <summary>A value of the graph as a tensor of the file.</summary>
/// <param name="Tensor">Its index.</param>
/// <param name="Shape">In the file's order of axes.</param>
/// <param name="ChannelsLast">The graph's [N, C, H, W] is [N, H, W, C] in the file.</param>
internal sealed record PlacedValue(int Tensor, ElementType Type, int[] Shape, bool ChannelsLast, TfLiteQuantization? Quantization)
{
    public static readonly int[] ToLast = [0, 2, 3, 1];
    public static readonly int[] ToFirst = [0, 3, 1, 2];

    /// <summary>Both orders of axes are the same elements in a row.</summary>
    public bool IsOnePixelOrChannel => Shape is [_, var a, var b, var c] && (ChannelsLast ? a == 1 && b == 1 || c == 1 : a == 1 || b == 1 && c == 1);

    /// <summary>Where axis <paramref name="axis"/> of the graph is in the file.</summary>
    public int Axis(int axis)
    {
        var index = axis < 0 ? axis + Shape.Length : axis;
        return ChannelsLast ? ToFirst[index] : index;
    }
}

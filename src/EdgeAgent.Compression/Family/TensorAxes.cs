using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Compression.Family;

/// <summary>Selection along one axis of a float32 constant.</summary>
internal static class TensorAxes
{
    /// <summary>The given positions of an axis, in the given order.</summary>
    public static Tensor Select(Tensor tensor, int axis, int[] positions)
    {
        var source = tensor.Floats;
        var outer = 1;
        for (var i = 0; i < axis; i++)
            outer *= tensor.Shape[i];
        var inner = 1;
        for (var i = axis + 1; i < tensor.Shape.Length; i++)
            inner *= tensor.Shape[i];
        var size = tensor.Shape[axis];
        var result = new float[outer * positions.Length * inner];
        for (var o = 0; o < outer; o++)
            for (var p = 0; p < positions.Length; p++)
                Array.Copy(source, (o * size + positions[p]) * inner, result, (o * positions.Length + p) * inner, inner);
        var shape = (int[])tensor.Shape.Clone();
        shape[axis] = positions.Length;
        return Tensor.Of(result, shape);
    }
}

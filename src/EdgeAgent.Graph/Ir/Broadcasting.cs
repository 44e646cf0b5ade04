namespace EdgeAgent.Graph.Ir;

/// <summary>Index arithmetic of NumPy's broadcasting.</summary>
internal static class Broadcasting
{
    /// <summary>
    /// Strides, in elements, with which a tensor of <paramref name="shape"/> is walked along the axes of <paramref name="target"/>;
    /// 0 along axes it is repeated on.
    /// </summary>
    public static int[] Strides(int[] shape, int[] target)
    {
        var strides = new int[target.Length];
        var stride = 1;
        for (var i = shape.Length - 1; i >= 0; i--)
        {
            var at = i + target.Length - shape.Length;
            strides[at] = shape[i] == 1 ? 0 : stride;
            stride *= shape[i];
        }
        return strides;
    }

    /// <summary>For every element of <paramref name="target"/> in row-major order, the index of its source element.</summary>
    public static int[] Indices(int[] shape, int[] target)
    {
        var strides = Strides(shape, target);
        var indices = new int[target.Aggregate(1, (a, b) => a * b)];
        var position = new int[target.Length];
        var source = 0;
        for (var i = 0; i < indices.Length; i++)
        {
            indices[i] = source;
            for (var axis = target.Length - 1; axis >= 0; axis--)
            {
                source += strides[axis];
                if (++position[axis] < target[axis])
                    break;
                source -= strides[axis] * target[axis];
                position[axis] = 0;
            }
        }
        return indices;
    }
}

using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>Softmax along one axis, or its logarithm, shifted by the maximum so that it cannot overflow.</summary>
internal static class Softmaxing
{
    public static void Run(int axis, Tensor x, Tensor y, ParallelOptions parallel, bool log = false)
    {
        var size = x.Shape[axis];
        var inner = 1;
        for (var i = axis + 1; i < x.Shape.Length; i++)
            inner *= x.Shape[i];
        Parallel.For(0, size == 0 ? 0 : x.Count / size, parallel, index =>
        {
            var (outer, at) = Math.DivRem(index, inner);
            var (source, target, start) = (x.Floats, y.Floats, outer * size * inner + at);
            var max = float.NegativeInfinity;
            for (var i = 0; i < size; i++)
                max = MathF.Max(max, source[start + i * inner]);
            var sum = 0.0;
            for (var i = 0; i < size; i++)
            {
                var e = Math.Exp(source[start + i * inner] - max);
                target[start + i * inner] = (float)e;
                sum += e;
            }
            if (log)
                for (var i = 0; i < size; i++)
                    target[start + i * inner] = (float)(source[start + i * inner] - max - Math.Log(sum));
            else
                for (var i = 0; i < size; i++)
                    target[start + i * inner] = (float)(target[start + i * inner] / sum);
        });
    }
}

using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>
/// Splits a broadcast result into rows, the longest trailing axes along which each operand either runs on contiguously
/// or stays on one element.
/// </summary>
internal sealed class BroadcastRows
{
    private readonly int[] _outer;
    private readonly int[] _stridesA;
    private readonly int[] _stridesB;

    public BroadcastRows(int[] a, int[] b, int[] y)
    {
        (_stridesA, _stridesB) = (Broadcasting.Strides(a, y), Broadcasting.Strides(b, y));
        var axis = y.Length;
        Length = 1;
        (RepeatsA, RepeatsB) = (true, true);
        while (axis > 0)
        {
            var (size, strideA, strideB) = (y[axis - 1], _stridesA[axis - 1], _stridesB[axis - 1]);
            if (size > 1)
            {
                var (repeatsA, repeatsB) = (strideA == 0, strideB == 0);
                if (Length > 1 && (repeatsA != RepeatsA || repeatsB != RepeatsB))
                    break;
                (RepeatsA, RepeatsB) = (repeatsA, repeatsB);
                Length *= size;
            }
            axis--;
        }
        _outer = y[..axis];
        Count = _outer.Aggregate(1, (m, d) => m * d);
    }

    public int Count { get; }

    public int Length { get; }

    public bool RepeatsA { get; }

    public bool RepeatsB { get; }

    /// <summary>Where row <paramref name="row"/> starts in each operand.</summary>
    public (int A, int B) Sources(int row)
    {
        var (a, b) = (0, 0);
        for (var axis = _outer.Length - 1; axis >= 0; axis--)
        {
            (row, var position) = Math.DivRem(row, _outer[axis]);
            a += position * _stridesA[axis];
            b += position * _stridesB[axis];
        }
        return (a, b);
    }
}

using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Int8.Kernels.Scalar;

/// <summary>
/// The definition of sum, difference and product. Sum: v = (a - z_a) * r_a + (b - z_b) * r_b, each product and the sum
/// rounded to float32. Product: v = ((a - z_a) * (b - z_b)) * r, the integer product exact.
/// </summary>
internal sealed unsafe class ScalarElementwise(ElementwiseTask task) : Step
{
    public override int Units => task.Output.Height;

    public override long Work => 4L * task.Output.Shape.Count;

    public override void Run(int first, int last)
    {
        for (var y = first; y < last; y++)
            for (var x = 0; x < task.Output.Width; x++)
            {
                var a = task.A.Pixel(y, x);
                var b = task.Broadcast ? task.B.Data : task.B.Pixel(y, x);
                var output = task.Output.Pixel(y, x);
                for (var c = 0; c < task.Output.Channels; c++)
                    output[c] = task.Requantization.Round(Combine(a[c] - task.A.Zero, b[c] - task.B.Zero));
            }
    }

    private float Combine(int a, int b)
    {
        if (task.Kind == Arithmetic.Multiply)
            return a * b * task.RatioA;
        var left = a * task.RatioA;
        var right = b * task.RatioB;
        return left + right;
    }
}

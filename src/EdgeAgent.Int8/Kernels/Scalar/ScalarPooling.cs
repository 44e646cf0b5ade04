namespace EdgeAgent.Int8.Kernels.Scalar;

/// <summary>The definition of a maximum: over the positions inside the tensor; the zero point where there are none.</summary>
internal sealed unsafe class ScalarMaxPooling(PoolingTask task) : Step
{
    public override int Units => task.Output.Height;

    public override long Work => (long)task.Output.Shape.Count * task.Window.KernelHeight * task.Window.KernelWidth;

    public override void Run(int first, int last)
    {
        for (var oy = first; oy < last; oy++)
            for (var ox = 0; ox < task.Output.Width; ox++)
                for (var c = 0; c < task.Output.Channels; c++)
                    task.Output.Pixel(oy, ox)[c] = Maximum(oy, ox, c);
    }

    private byte Maximum(int oy, int ox, int c)
    {
        var (w, ys, xs) = (task.Window, task.TapsY(oy), task.TapsX(ox));
        var max = -1;
        for (var ky = ys.First; ky < ys.Last; ky++)
            for (var kx = xs.First; kx < xs.Last; kx++)
                max = Math.Max(max, task.Input.Pixel(oy * w.StrideY - w.PadTop + ky * w.DilationY, ox * w.StrideX - w.PadLeft + kx * w.DilationX)[c]);
        return (byte)(max < 0 ? task.Input.Zero : max);
    }
}

/// <summary>The definition of an average: v = (sum over the positions inside of (q - z_x)) * (s_x / (s_y * n)).</summary>
internal sealed unsafe class ScalarAveragePooling(PoolingTask task) : Step
{
    public override int Units => task.Output.Height;

    public override long Work => (long)task.Output.Shape.Count * task.Window.KernelHeight * task.Window.KernelWidth;

    public override void Run(int first, int last)
    {
        for (var oy = first; oy < last; oy++)
            for (var ox = 0; ox < task.Output.Width; ox++)
            {
                var ratio = task.Ratio(task.Divisor(oy, ox));
                for (var c = 0; c < task.Output.Channels; c++)
                    task.Output.Pixel(oy, ox)[c] = task.Requantization.Round(Sum(oy, ox, c) * ratio);
            }
    }

    private int Sum(int oy, int ox, int c)
    {
        var (w, ys, xs) = (task.Window, task.TapsY(oy), task.TapsX(ox));
        var sum = 0;
        for (var ky = ys.First; ky < ys.Last; ky++)
            for (var kx = xs.First; kx < xs.Last; kx++)
                sum += task.Input.Pixel(oy * w.StrideY - w.PadTop + ky * w.DilationY, ox * w.StrideX - w.PadLeft + kx * w.DilationX)[c] - task.Input.Zero;
        return sum;
    }
}

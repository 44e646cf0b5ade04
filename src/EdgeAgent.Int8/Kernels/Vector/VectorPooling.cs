using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EdgeAgent.Int8.Kernels.Vector;

/// <summary>Maximum over a window, 16 channels at a time.</summary>
internal sealed unsafe class VectorMaxPooling(PoolingTask task) : Step
{
    public override int Units => task.Output.Height;

    public override long Work => (long)task.Output.Shape.Count * task.Window.KernelHeight * task.Window.KernelWidth * 15;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(int first, int last)
    {
        var (w, channels) = (task.Window, task.Output.Channels);
        nint rowStep = w.DilationY * task.Input.RowStride;
        nint columnStep = w.DilationX * channels;
        for (var oy = first; oy < last; oy++)
        {
            var ys = task.TapsY(oy);
            for (var ox = 0; ox < task.Output.Width; ox++)
            {
                var xs = task.TapsX(ox);
                var (rows, columns) = (ys.Last - ys.First, xs.Last - xs.First);
                var window = task.Input.Pixel(oy * w.StrideY - w.PadTop + ys.First * w.DilationY, ox * w.StrideX - w.PadLeft + xs.First * w.DilationX);
                var output = task.Output.Pixel(oy, ox);
                var empty = Vector128.Create((byte)(rows * columns == 0 ? task.Input.Zero : 0));
                for (var c = 0; c < channels; c += 16)
                {
                    var max = empty;
                    for (var y = 0; y < rows; y++)
                        for (var x = 0; x < columns; x++)
                            max = Vector128.Max(max, Vector128.Load(window + y * rowStep + x * columnStep + c));
                    Lanes128.Store(max, output + c, channels - c);
                }
            }
        }
    }
}

/// <summary>Average over a window, 16 channels at a time; sums of up to 256 taps fit 16 bits.</summary>
internal sealed unsafe class VectorAveragePooling(PoolingTask task) : Step
{
    private const int TapsOfShortSum = 256;

    public override int Units => task.Output.Height;

    public override long Work => (long)task.Output.Shape.Count * task.Window.KernelHeight * task.Window.KernelWidth * 15;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(int first, int last)
    {
        var (w, channels) = (task.Window, task.Output.Channels);
        var (low, high) = (Vector128.Create(task.Requantization.Low), Vector128.Create(task.Requantization.High));
        var zero = Vector128.Create((short)task.Requantization.Zero);
        for (var oy = first; oy < last; oy++)
        {
            var ys = task.TapsY(oy);
            for (var ox = 0; ox < task.Output.Width; ox++)
            {
                var xs = task.TapsX(ox);
                var (rows, columns) = (ys.Last - ys.First, xs.Last - xs.First);
                var window = task.Input.Pixel(oy * w.StrideY - w.PadTop + ys.First * w.DilationY, ox * w.StrideX - w.PadLeft + xs.First * w.DilationX);
                var output = task.Output.Pixel(oy, ox);
                var offset = Vector128.Create(-task.Input.Zero * rows * columns);
                var ratio = Vector128.Create(task.Ratio(task.Divisor(oy, ox)));
                for (var c = 0; c < channels; c += 16)
                {
                    var (a, b, d, e) = Sums(window + c, rows, columns);
                    var bytes = Lanes128.Pack(
                        Lanes128.Round(Vector128.ConvertToSingle(a + offset) * ratio, low, high),
                        Lanes128.Round(Vector128.ConvertToSingle(b + offset) * ratio, low, high),
                        Lanes128.Round(Vector128.ConvertToSingle(d + offset) * ratio, low, high),
                        Lanes128.Round(Vector128.ConvertToSingle(e + offset) * ratio, low, high),
                        zero);
                    Lanes128.Store(bytes, output + c, channels - c);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private (Vector128<int> A, Vector128<int> B, Vector128<int> C, Vector128<int> D) Sums(byte* window, int rows, int columns)
    {
        nint rowStep = task.Window.DilationY * task.Input.RowStride;
        nint columnStep = task.Window.DilationX * task.Output.Channels;
        var (a, b, c, d) = (Vector128<uint>.Zero, Vector128<uint>.Zero, Vector128<uint>.Zero, Vector128<uint>.Zero);
        for (var y = 0; y < rows; y++)
            for (var x = 0; x < columns;)
            {
                var (low, high) = (Vector128<ushort>.Zero, Vector128<ushort>.Zero);
                for (var end = Math.Min(columns, x + TapsOfShortSum); x < end; x++)
                {
                    var (l, h) = Vector128.Widen(Vector128.Load(window + y * rowStep + x * columnStep));
                    low += l;
                    high += h;
                }
                var (a1, b1) = Vector128.Widen(low);
                var (c1, d1) = Vector128.Widen(high);
                (a, b, c, d) = (a + a1, b + b1, c + c1, d + d1);
            }
        return (a.AsInt32(), b.AsInt32(), c.AsInt32(), d.AsInt32());
    }
}

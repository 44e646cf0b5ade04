using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>
/// Convolution over one or two spatial axes (one is treated as two with a height of 1): the input is copied once into a
/// zero-padded frame, so that patches are plain strided copies; each group is a matrix product of weights and patches,
/// a depthwise one runs directly.
/// </summary>
internal sealed class Convolution
{
    private readonly Plane _plane;
    private readonly int _groups;
    private readonly int _outputs;
    private readonly int _groupInputs;
    private readonly float[] _weights;
    private readonly float[]? _bias;
    private readonly PackedRows[]? _packed;

    /// <param name="weights">[M, C/groups, ...kernel]</param>
    /// <param name="bias">[M] or null</param>
    public Convolution(Conv conv, Tensor weights, Tensor? bias)
    {
        _plane = Plane.Of(conv.Window);
        _groups = conv.Groups;
        _outputs = weights.Shape[0];
        _groupInputs = weights.Shape[1];
        _weights = weights.Floats;
        _bias = bias?.Floats;
        if (IsDepthwise)
            return;
        var (rows, depth) = (_outputs / _groups, _groupInputs * _plane.KernelSize);
        _packed = new PackedRows[_groups];
        for (var g = 0; g < _groups; g++)
            _packed[g] = PackedRows.Of(_weights.AsSpan(g * rows * depth, rows * depth), rows, depth, depth, 1);
    }

    private bool IsDepthwise => _groupInputs == 1 && _groups > 1;

    /// <param name="input">[N, C, ...]</param>
    /// <param name="output">[N, M, ...], written</param>
    public void Run(Tensor input, Tensor output, BufferPool pool, ParallelOptions parallel)
    {
        var (height, width) = Plane.Sizes(input.Shape);
        var (outHeight, outWidth) = Plane.Sizes(output.Shape);
        var frame = new Frame(_plane, height, width);
        var (images, channels) = (input.Shape[0], input.Shape[1]);
        var padded = frame.IsInput ? input.Floats : pool.Rent(checked(images * channels * frame.Size));
        if (!frame.IsInput)
            Parallel.For(0, images * channels, parallel, plane => frame.Fill(input.Floats, plane, padded));

        if (IsDepthwise)
            RunDepthwise(padded, frame, images, output.Floats, outHeight, outWidth, parallel);
        else
            for (var g = 0; g < _groups; g++)
            {
                var patches = new Patches(padded, frame, _plane, channels, g * _groupInputs, outHeight, outWidth);
                var store = new PlaneStore(output.Floats, _bias, _outputs, g * (_outputs / _groups), outHeight * outWidth);
                FloatGemm.Multiply(_packed![g], patches, images * outHeight * outWidth, store, parallel);
            }
        if (!frame.IsInput)
            pool.Return(padded);
    }

    private void RunDepthwise(float[] padded, Frame frame, int images, float[] output, int outHeight, int outWidth, ParallelOptions parallel)
    {
        var multiplier = _outputs / _groups;
        Parallel.For(0, images * _outputs, parallel, index =>
        {
            var (image, channel) = Math.DivRem(index, _outputs);
            var source = padded.AsSpan((image * _groups + channel / multiplier) * frame.Size, frame.Size);
            var target = output.AsSpan(index * outHeight * outWidth, outHeight * outWidth);
            target.Fill(_bias is null ? 0 : _bias[channel]);
            var weights = _weights.AsSpan(channel * _plane.KernelSize, _plane.KernelSize);
            for (var y = 0; y < outHeight; y++)
                for (var ky = 0; ky < _plane.KernelHeight; ky++)
                {
                    var row = source[((y * _plane.StrideY + ky * _plane.DilationY) * frame.Width)..];
                    for (var kx = 0; kx < _plane.KernelWidth; kx++)
                        MultiplyAdd(target.Slice(y * outWidth, outWidth), row[(kx * _plane.DilationX)..], _plane.StrideX, weights[ky * _plane.KernelWidth + kx]);
                }
        });
    }

    private static void MultiplyAdd(Span<float> target, ReadOnlySpan<float> source, int stride, float weight)
    {
        var x = 0;
        if (stride == 1)
        {
            ref var s = ref MemoryMarshal.GetReference(source);
            ref var t = ref MemoryMarshal.GetReference(target);
            for (; x <= target.Length - Vector<float>.Count; x += Vector<float>.Count)
                (Vector.LoadUnsafe(ref t, (nuint)x) + Vector.LoadUnsafe(ref s, (nuint)x) * weight).StoreUnsafe(ref t, (nuint)x);
        }
        for (; x < target.Length; x++)
            target[x] += source[x * stride] * weight;
    }

    /// <summary>Writes rows of a product into their channels' planes and adds the bias.</summary>
    private readonly struct PlaneStore(float[] output, float[]? bias, int channels, int firstChannel, int planeSize) : IBlocks
    {
        public void Store(ReadOnlySpan<float> block, int stride, int rows, int column, int columns)
        {
            for (var done = 0; done < columns;)
            {
                var (image, pixel) = Math.DivRem(column + done, planeSize);
                var count = Math.Min(columns - done, planeSize - pixel);
                for (var row = 0; row < rows; row++)
                {
                    var channel = firstChannel + row;
                    var target = output.AsSpan((image * channels + channel) * planeSize + pixel, count);
                    Elementwise.AddTo(block.Slice(row * stride + done, count), bias is null ? 0 : bias[channel], target);
                }
                done += count;
            }
        }
    }

    /// <summary>The input patches under every output position as columns of a matrix; column = position in [N, H, W].</summary>
    private readonly struct Patches(float[] padded, Frame frame, Plane plane, int channels, int firstChannel, int outHeight, int outWidth) : IColumns
    {
        public void Pack(int column, int columns, int k0, int ks, Span<float> panel)
        {
            Span<Run> runs = stackalloc Run[FloatGemm.PanelColumns];
            var width = Math.Min(FloatGemm.PanelColumns, columns - column);
            runs = runs[..FindRuns(column, width, runs)];
            if (width < FloatGemm.PanelColumns)
                panel[..(ks * FloatGemm.PanelColumns)].Clear();
            var offsets = new OffsetWalk(frame, plane, k0);
            ref var source = ref MemoryMarshal.GetArrayDataReference(padded);
            ref var target = ref MemoryMarshal.GetReference(panel);
            for (var k = 0; k < ks; k++)
            {
                var offset = offsets.Next();
                foreach (var run in runs)
                    Copy(ref Unsafe.Add(ref source, run.Source + offset), ref Unsafe.Add(ref target, run.Target), run.Count, plane.StrideX);
                target = ref Unsafe.Add(ref target, FloatGemm.PanelColumns);
            }
        }

        // Outputs whose inputs lie at one stride: a row, or whole planes where the kernel is a point and nothing is padded.
        private int FindRuns(int column, int width, Span<Run> runs)
        {
            var (count, done) = (0, 0);
            var rows = plane.IsPoint && frame.Width == outWidth;
            while (done < width)
            {
                var (image, pixel) = Math.DivRem(column + done, outHeight * outWidth);
                var (y, x) = Math.DivRem(pixel, outWidth);
                var length = Math.Min(width - done, rows ? outHeight * outWidth - pixel : outWidth - x);
                var start = (image * channels + firstChannel) * frame.Size + y * plane.StrideY * frame.Width + x * plane.StrideX;
                runs[count++] = new(start, done, length);
                done += length;
            }
            return count;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Copy(ref float source, ref float target, int count, int stride)
        {
            var i = 0;
            if (stride == 1)
            {
                for (; i <= count - 8; i += 8)
                    Vector256.LoadUnsafe(ref source, (nuint)i).StoreUnsafe(ref target, (nuint)i);
                for (; i <= count - 4; i += 4)
                    Vector128.LoadUnsafe(ref source, (nuint)i).StoreUnsafe(ref target, (nuint)i);
            }
            for (; i < count; i++)
                Unsafe.Add(ref target, i) = Unsafe.Add(ref source, i * stride);
        }

        private readonly record struct Run(int Source, int Target, int Count);
    }

    /// <summary>Offsets of (channel, ky, kx) in the padded frame, in the order of the weights.</summary>
    private ref struct OffsetWalk
    {
        private readonly Frame _frame;
        private readonly Plane _plane;
        private int _channel;
        private int _ky;
        private int _kx;

        public OffsetWalk(Frame frame, Plane plane, int start)
        {
            (_frame, _plane) = (frame, plane);
            (_channel, var rest) = Math.DivRem(start, plane.KernelSize);
            (_ky, _kx) = Math.DivRem(rest, plane.KernelWidth);
        }

        public int Next()
        {
            var offset = _channel * _frame.Size + _ky * _plane.DilationY * _frame.Width + _kx * _plane.DilationX;
            if (++_kx == _plane.KernelWidth)
            {
                _kx = 0;
                if (++_ky == _plane.KernelHeight)
                    (_ky, _channel) = (0, _channel + 1);
            }
            return offset;
        }
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Runtime;

/// <summary>libtorch's feature maps in bfloat16, channels last, as memory that kernels of our own pass over with AVX-512.</summary>
internal static unsafe class Bfloat16Memory
{
    /// <summary>Numbers of a vector.</summary>
    public const int Lanes = 16;

    /// <summary>Parts of the memory that may be taken by different threads.</summary>
    public const int Ranges = 16;

    /// <summary>Below it, a second thread costs more than it brings.</summary>
    private const int SerialElements = 1 << 19;

    public static bool IsSupported => Avx512BW.IsSupported;

    /// <summary>Whether this machine and this tensor are what kernels are written for: [N, C, H, W], channels last in memory.</summary>
    public static bool Holds(Tensor x) => IsSupported && x.dtype == torch.ScalarType.BFloat16 && x.dim() == 4 && x.shape[1] > 1 && IsChannelsLast(x);

    /// <summary>libtorch's memory of a tensor that <see cref="Holds"/> is true for; it stays where it is while the tensor lives.</summary>
    public static ushort* Of(Tensor x) => (ushort*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(x.permute(0, 2, 3, 1).bytes));

    /// <summary>Uninitialised, in the same shape and order.</summary>
    public static Tensor Like(Tensor x) => torch.empty([x.shape[0], x.shape[2], x.shape[3], x.shape[1]], torch.ScalarType.BFloat16).permute(0, 3, 1, 2);

    /// <summary>A gradient as the kernels need it; the tensor itself if it is that already.</summary>
    public static Tensor Held(Tensor gradient)
    {
        var x = gradient.to(torch.ScalarType.BFloat16);
        return IsChannelsLast(x) ? x : x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
    }

    /// <summary>Runs (range, first, count) for fixed parts of so many items, whole groups in all but the last: whatever the number of threads, the parts are the same.</summary>
    /// <param name="group">Items that stay together.</param>
    /// <param name="size">Elements of an item.</param>
    public static void ForRanges(int items, int group, int size, int threads, Action<int, int, int> run)
    {
        var each = Math.Max(1, (items / group + Ranges - 1) / Ranges) * group;
        void Range(int range)
        {
            var first = (int)Math.Min(items, (long)range * each);
            var end = range == Ranges - 1 ? items : Math.Min(items, first + each);
            if (end > first)
                run(range, first, end - first);
        }
        if (threads == 1 || items * (long)size < SerialElements)
            for (var range = 0; range < Ranges; range++)
                Range(range);
        else
            Parallel.For(0, Ranges, new ParallelOptions { MaxDegreeOfParallelism = threads }, Range);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(ushort* at) => Vector512.ShiftLeft(Avx512F.ConvertToVector512UInt32(Vector256.Load(at)), 16).AsSingle();

    /// <summary>To the nearest, half to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> value, ushort* at)
    {
        var bits = value.AsUInt32();
        var rounded = bits + Vector512.Create(0x7FFFu) + (Vector512.ShiftRightLogical(bits, 16) & Vector512.Create(1u));
        Avx512F.ConvertToVector256UInt16(Vector512.ShiftRightLogical(rounded, 16)).Store(at);
    }

    public static float ToFloat(ushort value) => BitConverter.UInt32BitsToSingle((uint)value << 16);

    public static ushort ToBfloat16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    private static bool IsChannelsLast(Tensor x) => x.permute(0, 2, 3, 1).is_contiguous();
}

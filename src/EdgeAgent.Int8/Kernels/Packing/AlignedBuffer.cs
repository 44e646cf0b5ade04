using System.Runtime.CompilerServices;

namespace EdgeAgent.Int8.Kernels.Packing;

/// <summary>Zeroed memory at a cache line's start that the garbage collector frees but never moves.</summary>
internal sealed unsafe class AlignedBuffer<T> where T : unmanaged
{
    private const int Line = 64;

    private readonly byte[] _array;

    public AlignedBuffer(int length)
    {
        Length = length;
        _array = GC.AllocateArray<byte>(checked(length * sizeof(T) + Line), pinned: true);
        var start = (byte*)Unsafe.AsPointer(ref _array[0]);
        Pointer = (T*)(start + (-(nint)start & (Line - 1)));
    }

    public int Length { get; }

    /// <summary>Valid as long as this object is referenced.</summary>
    public T* Pointer { get; }

    public Span<T> Span => new(Pointer, Length);
}

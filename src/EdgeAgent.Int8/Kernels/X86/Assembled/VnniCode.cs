using System.Runtime.Intrinsics.X86;
using EdgeAgent.Int8.Kernels.Packing;

namespace EdgeAgent.Int8.Kernels.X86.Assembled;

/// <summary>
/// The kernels of AVX-512 VNNI, assembled once when the first is needed: VPDPBUSD on 512 bits is an instruction that many
/// CPUs have and .NET 10 does not offer (.NET 11 will). Every function is a leaf in the calling convention of Linux.
/// </summary>
/// <remarks>
/// With code made to measure every number of pixels and every kernel width has a function of its own, in which all sums
/// and weights stay in registers.
/// </remarks>
internal sealed unsafe class VnniCode
{
    /// <summary>Pixels of the largest tile: as many as general registers are left for their addresses.</summary>
    public const int TileRows = 8;

    private const int MaxKernelWidth = 7;
    private const int MaxBands = 2;

    /// <summary>Bit of AVX512_VNNI in ECX of CPUID leaf 7.</summary>
    private const int VnniBit = 11;

    private readonly byte* _code;
    private readonly int[] _tiles = new int[2 * TileRows];
    private readonly int[] _rows = new int[MaxKernelWidth * MaxBands];
    private readonly int[] _pairs = new int[MaxKernelWidth];
    private readonly int _pixel;
    private readonly int _macs;

    private VnniCode()
    {
        var a = new Assembler();
        for (var rows = 1; rows <= TileRows; rows++)
        {
            _tiles[rows - 1] = VnniTileCode.Tile(a, rows, narrow: false);
            _tiles[TileRows + rows - 1] = VnniTileCode.Tile(a, rows, narrow: true);
        }
        for (var width = 1; width <= MaxKernelWidth; width++)
        {
            for (var bands = 1; bands <= MaxBands; bands++)
                _rows[(bands - 1) * MaxKernelWidth + width - 1] = VnniDepthwiseCode.Rows(a, width, bands, pair: false);
            _pairs[width - 1] = VnniDepthwiseCode.Rows(a, width, 1, pair: true);
        }
        _pixel = VnniTileCode.Pixel(a);
        _macs = VnniTileCode.Macs(a);
        _code = CodeMemory.Publish(a.Code);
    }

    /// <summary>Null where the CPU or the system cannot execute it.</summary>
    public static VnniCode? Instance { get; } = Assemble();

    /// <summary>A tile of <paramref name="rows"/> pixels by the panel's channels.</summary>
    public delegate* unmanaged[SuppressGCTransition]<PanelArguments*, byte*, int*, byte*, int*, void> Tile(int rows, int channels) =>
        (delegate* unmanaged[SuppressGCTransition]<PanelArguments*, byte*, int*, byte*, int*, void>)(_code + _tiles[(channels > 8 ? 0 : TileRows) + rows - 1]);

    /// <summary>The accumulators of one pixel.</summary>
    public delegate* unmanaged[SuppressGCTransition]<PanelArguments*, byte*, int*, void> Pixel =>
        (delegate* unmanaged[SuppressGCTransition]<PanelArguments*, byte*, int*, void>)(_code + _pixel);

    /// <summary>One row of a depthwise convolution; null for a larger kernel than there is code for.</summary>
    public delegate* unmanaged[SuppressGCTransition]<DepthwiseArguments*, void> DepthwiseRow(int kernelWidth, int bands) =>
        kernelWidth > MaxKernelWidth || bands > MaxBands ? null
            : (delegate* unmanaged[SuppressGCTransition]<DepthwiseArguments*, void>)(_code + _rows[(bands - 1) * MaxKernelWidth + kernelWidth - 1]);

    /// <summary>Two rows of a depthwise convolution, likewise.</summary>
    public delegate* unmanaged[SuppressGCTransition]<DepthwiseArguments*, void> DepthwisePair(int kernelWidth) =>
        kernelWidth > MaxKernelWidth ? null
            : (delegate* unmanaged[SuppressGCTransition]<DepthwiseArguments*, void>)(_code + _pairs[kernelWidth - 1]);

    /// <summary>The loop of <see cref="Roofline.MacLoop"/>: data, its end, passes.</summary>
    public delegate* unmanaged[SuppressGCTransition]<byte*, byte*, long, void> Macs =>
        (delegate* unmanaged[SuppressGCTransition]<byte*, byte*, long, void>)(_code + _macs);

    private static VnniCode? Assemble()
    {
        // .NET has checked that the system saves the registers.
        if (!Avx512BW.IsSupported || !Avx512BW.VL.IsSupported || !Bmi2.IsSupported || (X86Base.CpuId(7, 0).Ecx >> VnniBit & 1) == 0)
            return null;
        var code = new VnniCode();
        return code._code == null ? null : code;
    }
}

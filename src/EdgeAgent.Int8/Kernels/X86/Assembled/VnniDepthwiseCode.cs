using EdgeAgent.Int8.Kernels.Packing;
using static EdgeAgent.Int8.Kernels.X86.Assembled.Register;
using static EdgeAgent.Int8.Kernels.X86.Assembled.VnniTileCode;

namespace EdgeAgent.Int8.Kernels.X86.Assembled;

/// <summary>The code of depthwise convolutions: one kernel width and number of bands each, with the weights in registers.</summary>
internal static unsafe class VnniDepthwiseCode
{
    private const int BlockQuadBytes = PackedDepthwise.BlockWidth * 4;

    /// <summary>Weights that there are registers for.</summary>
    private const int RegisterWeights = 24;

    /// <summary>Sums of the two rows, columns, and what the sums begin with.</summary>
    private const int Upper = 0;

    private const int Lower = 1;
    private const int Column = 2;
    private const int Bias = 3;

    /// <summary>(arguments): all pixels of a row, or of a pair of rows, by up to 16 channels.</summary>
    public static int Rows(Assembler a, int kernelWidth, int bands, bool pair)
    {
        DepthwiseArguments d;
        var start = a.Align(64);
        a.Load(Rax, Field(&d, &d.Weights));
        var weights = kernelWidth * bands;
        for (var i = 0; i < Math.Min(pair ? 2 * weights : weights, RegisterWeights); i++)
            a.Load(Weight(i), new(Rax, i * BlockQuadBytes));
        a.Push(Rbx);
        a.Copy(Rbx, Rax);
        a.Load(Rax, Field(&d, &d.Bias));
        a.Load(Bias, new(Rax));
        a.Load(Rax, Field(&d, &d.Multipliers));
        a.Load(VnniRequantization.Multipliers, new(Rax));
        VnniRequantization.Load(a, Field(&d, &d.Low), Field(&d, &d.High), Field(&d, &d.Zero));
        a.LoadInt32(Rdx, Field(&d, &d.Channels));
        a.MaskOfFirst(1, Rdx);
        if (pair)
        {
            // No channel of the second row where there is none: channels * (rows - 1).
            a.LoadInt32(Rcx, Field(&d, &d.Rows));
            a.Subtract(Rcx, 1);
            a.Multiply(Rdx, Rcx);
            a.MaskOfFirst(2, Rdx);
        }
        a.Load(R8, Field(&d, &d.Columns));
        a.Load(Rcx, Field(&d, &d.Output));
        a.LoadInt32(R9, Field(&d, &d.PixelStep));
        a.LoadInt32(R10, Field(&d, &d.ColumnStep));
        a.LoadInt32(R11, Field(&d, &d.BandStep));
        a.LoadInt32(Rdx, Field(&d, &d.OutputStep));
        a.LoadInt32(Rsi, Field(&d, &d.OutputRowStep));
        a.LoadInt32(Rdi, Field(&d, &d.Pixels));

        var loop = a.Align(32);
        a.Copy(Upper, Bias);
        if (pair)
            a.Copy(Lower, Bias);
        a.Copy(Rax, R8);
        for (var kx = 0; kx < kernelWidth; kx++)
        {
            for (var band = 0; band < bands; band++)
            {
                a.Load(Column, band == 0 ? new(Rax) : new(Rax, Index: R11));
                MultiplyAdd(a, Upper, band * kernelWidth + kx);
                if (pair)
                    MultiplyAdd(a, Lower, weights + band * kernelWidth + kx);
            }
            a.Add(Rax, R10);
        }
        VnniRequantization.Apply(a, pair ? 2 : 1);
        a.StoreBytes(new(Rcx), Upper, mask: 1);
        if (pair)
            a.StoreBytes(new(Rcx, Index: Rsi), Lower, mask: 2);
        a.Add(R8, R9);
        a.Add(Rcx, Rdx);
        a.Subtract(Rdi, 1);
        a.JumpBack(Condition.NotEqual, loop);
        a.Pop(Rbx);
        a.ZeroUpper();
        a.Return();
        return start;
    }

    /// <summary>With a weight from its register, or from memory where all registers hold others.</summary>
    private static void MultiplyAdd(Assembler a, int sum, int weight)
    {
        if (weight < RegisterWeights)
            a.MultiplyAdd(sum, Column, Weight(weight));
        else
            a.MultiplyAdd(sum, Column, new Address(Rbx, weight * BlockQuadBytes));
    }

    /// <summary>The register of a weight: what requantization leaves of the first sixteen, then the others.</summary>
    private static int Weight(int index) => index < 8 ? 4 + index : 8 + index;
}

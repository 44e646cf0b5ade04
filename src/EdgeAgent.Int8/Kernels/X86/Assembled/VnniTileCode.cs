using EdgeAgent.Int8.Kernels.Packing;
using EdgeAgent.Int8.Roofline;
using static EdgeAgent.Int8.Kernels.X86.Assembled.Register;

namespace EdgeAgent.Int8.Kernels.X86.Assembled;

/// <summary>The code of a convolution's tiles; each method returns where its function starts.</summary>
internal static unsafe class VnniTileCode
{
    private const int PanelQuadBytes = PackedConvolution.PanelWidth * 4;

    /// <summary>Registers that a called function keeps for its caller.</summary>
    private static readonly Register[] s_kept = [Rbx, Rbp, R12, R13, R14, R15];

    /// <summary>The pixels' windows.</summary>
    private static readonly Register[] s_x = [R9, R10, R11, R12, R14, R15, Rbx, R13];

    /// <summary>
    /// (panel, input, input offsets, output, output offsets): so many pixels by 16 channels, or by 8 in half as wide
    /// registers.
    /// </summary>
    public static int Tile(Assembler a, int rows, bool narrow)
    {
        const int weights = 12;
        const int quads = 8;
        PanelArguments p;
        var start = a.Align(64);
        a.VectorBits = narrow ? 256 : 512;
        foreach (var register in s_kept)
            a.Push(register);
        for (var r = 0; r < rows; r++)
        {
            a.LoadInt32(s_x[r], new(Rdx, 4 * r));
            a.Add(s_x[r], Rsi);
        }
        a.Load(Rsi, Field(&p, &p.Weights));
        a.Load(Rdx, Field(&p, &p.QuadOffsets));
        a.LoadInt32(Rbp, Field(&p, &p.Quads));
        a.ShiftLeft(Rbp, 2);
        a.Add(Rbp, Rdx);
        a.Load(Rax, Field(&p, &p.Bias));
        for (var r = 0; r < rows; r++)
            a.Load(r, new(Rax));

        var loop = a.Align(32);
        a.LoadInt32(Rax, new(Rdx));
        a.Load(weights, new(Rsi));
        for (var r = 0; r < rows; r++)
        {
            var x = quads + r % 4;
            a.Broadcast(x, new(s_x[r], Index: Rax));
            a.MultiplyAdd(r, x, weights);
        }
        a.Add(Rsi, PanelQuadBytes);
        a.Add(Rdx, 4);
        a.Compare(Rdx, Rbp);
        a.JumpBack(Condition.Below, loop);

        a.Load(Rax, Field(&p, &p.Multipliers));
        a.Load(VnniRequantization.Multipliers, new(Rax));
        VnniRequantization.Load(a, Field(&p, &p.Low), Field(&p, &p.High), Field(&p, &p.Zero));
        a.LoadInt32(Rdx, Field(&p, &p.Channels));
        a.MaskOfFirst(1, Rdx);
        VnniRequantization.Apply(a, rows);
        for (var r = 0; r < rows; r++)
        {
            a.LoadInt32(Rax, new(R8, 4 * r));
            a.StoreBytes(new(Rcx, Index: Rax), r, mask: 1);
        }
        for (var i = s_kept.Length - 1; i >= 0; i--)
            a.Pop(s_kept[i]);
        a.ZeroUpper();
        a.Return();
        a.VectorBits = 512;
        return start;
    }

    /// <summary>(panel, input, accumulators): one pixel, four quads at a time into sums of their own, so that none waits for another.</summary>
    public static int Pixel(Assembler a)
    {
        const int chains = 4;
        PanelArguments p;
        var start = a.Align(64);
        a.Load(R8, Field(&p, &p.Weights));
        a.Load(R9, Field(&p, &p.QuadOffsets));
        a.LoadInt32(R10, Field(&p, &p.Quads));
        a.Load(Rax, Field(&p, &p.Bias));
        a.Load(0, new(Rax));
        for (var chain = 1; chain < chains; chain++)
            a.Zero(chain);
        a.Subtract(R10, chains);
        var few = a.JumpAhead(Condition.Less);
        var loop = a.Align(32);
        for (var chain = 0; chain < chains; chain++)
        {
            a.LoadInt32(Rax, new(R9, 4 * chain));
            a.Broadcast(chains + chain, new(Rsi, Index: Rax));
            a.MultiplyAdd(chain, chains + chain, new Address(R8, chain * PanelQuadBytes));
        }
        a.Add(R8, chains * PanelQuadBytes);
        a.Add(R9, chains * 4);
        a.Subtract(R10, chains);
        a.JumpBack(Condition.GreaterOrEqual, loop);
        a.Land(few);
        a.Add(R10, chains);
        var none = a.JumpAhead(Condition.Equal);
        loop = a.Position;
        a.LoadInt32(Rax, new(R9));
        a.Broadcast(chains, new(Rsi, Index: Rax));
        a.MultiplyAdd(0, chains, new Address(R8));
        a.Add(R8, PanelQuadBytes);
        a.Add(R9, 4);
        a.Subtract(R10, 1);
        a.JumpBack(Condition.NotEqual, loop);
        a.Land(none);
        a.AddInt32(0, 0, 1);
        a.AddInt32(2, 2, 3);
        a.AddInt32(0, 0, 2);
        a.Store(new(Rdx), 0);
        a.ZeroUpper();
        a.Return();
        return start;
    }

    /// <summary>(data, end, passes): as <see cref="MacLoop"/>, ten sums and one load for two products.</summary>
    public static int Macs(Assembler a)
    {
        const int loads = 5;
        var start = a.Align(64);
        a.Load(30, new(Rdi));
        a.Load(31, new(Rdi, 64));
        for (var sum = 0; sum < 2 * loads; sum++)
            a.Zero(sum);
        var pass = a.Position;
        a.Copy(Rax, Rdi);
        var loop = a.Align(32);
        for (var load = 0; load < loads; load++)
        {
            a.Load(16 + load, new(Rax, 64 * load));
            a.MultiplyAdd(2 * load, 16 + load, 30);
            a.MultiplyAdd(2 * load + 1, 16 + load, 31);
        }
        a.Add(Rax, 64 * loads);
        a.Compare(Rax, Rsi);
        a.JumpBack(Condition.Below, loop);
        a.Subtract(Rdx, 1);
        a.JumpBack(Condition.NotEqual, pass);
        a.ZeroUpper();
        a.Return();
        return start;
    }

    /// <summary>A field of the arguments that RDI points to.</summary>
    public static Address Field(void* arguments, void* field) => new(Rdi, (int)((byte*)field - (byte*)arguments));
}

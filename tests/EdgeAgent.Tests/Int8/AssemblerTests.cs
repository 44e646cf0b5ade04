using EdgeAgent.Int8.Kernels.X86.Assembled;
using Xunit;
using static EdgeAgent.Int8.Kernels.X86.Assembled.Register;

namespace EdgeAgent.Tests.Int8;

/// <summary>
/// Encodings as LLVM's assembler writes them, on any CPU; whether the kernels made of them compute the right bytes,
/// <see cref="KernelSetTests"/> finds out where they can be executed.
/// </summary>
public sealed class AssemblerTests
{
    [Fact]
    public void MultiplyAdd_Registers_ReachAllThirtyTwo()
    {
        Assert.Equal("62D2254850FC", Bytes(a => a.MultiplyAdd(7, 11, 12)));
        Assert.Equal("6292254050C7", Bytes(a => a.MultiplyAdd(0, 27, 31)));
        Assert.Equal("62D24D48509040000000", Bytes(a => a.MultiplyAdd(2, 6, new Address(R8, 64))));
    }

    [Fact]
    public void Address_OfEveryKind_IsEncoded()
    {
        Assert.Equal("62527D4858440500", Bytes(a => a.Broadcast(8, new(R13, Index: Rax))));
        Assert.Equal("62717E486F26", Bytes(a => a.Load(12, new(Rsi))));
        Assert.Equal("62F17E487F02", Bytes(a => a.Store(new(Rdx), 0)));
        Assert.Equal("4D8B2424", Bytes(a => a.Load(R12, new(R12))));
        Assert.Equal("4C63BA04000000", Bytes(a => a.LoadInt32(R15, new(Rdx, 4))));
    }

    [Fact]
    public void Requantization_Instructions_AreEncoded()
    {
        Assert.Equal("62F17C485BDB", Bytes(a => a.ConvertToFloat(3, 3)));
        Assert.Equal("62F17D485BDB", Bytes(a => a.ConvertToInt32(3, 3)));
        Assert.Equal("62D1644859DC", Bytes(a => a.Multiply(3, 3, 12)));
        Assert.Equal("62D164485FDD", Bytes(a => a.Maximum(3, 3, 13)));
        Assert.Equal("62D164485DDE", Bytes(a => a.Minimum(3, 3, 14)));
        Assert.Equal("62D17D48FEC7", Bytes(a => a.AddInt32(0, 0, 15)));
        Assert.Equal("62F17D486FCB", Bytes(a => a.Copy(1, 3)));
        Assert.Equal("62F15548EFED", Bytes(a => a.Zero(5)));
    }

    [Fact]
    public void StoreBytes_Mask_IsOfTheStoreOnly() =>
        Assert.Equal("62527E4831C9" + "62717F0A7F0C31", Bytes(a => a.StoreBytes(new(Rcx, Index: Rsi), 9, mask: 2)));

    [Fact]
    public void MaskOfFirst_Count_BecomesThatManyBits() =>
        Assert.Equal("48C7C0FFFFFFFF" + "C4E2E8F5C0" + "C5F892C8", Bytes(a => a.MaskOfFirst(1, Rdx)));

    [Fact]
    public void Jumps_BothWays_LandWhereTheyAreTold()
    {
        Assert.Equal("C3" + "0F82F9FFFFFF", Bytes(a =>
        {
            a.Return();
            a.JumpBack(Condition.Below, target: 0);
        }));
        Assert.Equal("0F8401000000C3", Bytes(a =>
        {
            var over = a.JumpAhead(Condition.Equal);
            a.Return();
            a.Land(over);
        }));
    }

    private static string Bytes(Action<Assembler> write)
    {
        var assembler = new Assembler();
        write(assembler);
        return Convert.ToHexString(assembler.Code);
    }
}

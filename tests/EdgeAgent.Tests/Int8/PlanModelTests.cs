using System.Buffers.Binary;
using System.Numerics;
using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Kernels;
using EdgeAgent.Int8.Plan;
using EdgeAgent.Int8.SelfCheck;
using Xunit;

namespace EdgeAgent.Tests.Int8;

public sealed class PlanModelTests
{
    /// <summary>Of each kind of damage; together more than a hundred thousand plans.</summary>
    private const int Mutations = 60_000;

    private static readonly byte[] Plan = Networks.Residual(1);

    private static readonly byte[][] s_sound = [.. Enumerable.Range(0, 100).Select(seed => RandomPlan.Of(seed).Plan)];

    [Fact]
    public void Load_FromFile_EqualsLoadFromMemory()
    {
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():n}.plan");
        try
        {
            File.WriteAllBytes(path, Plan);
            using var mapped = PlanModel.Load(path);
            using var memory = PlanModel.Load(Plan);
            Assert.Equal(memory.Tensors, mapped.Tensors);
            Assert.Equal(memory.Operators.Select(o => (o.Name, o.Type, o.Macs)), mapped.Operators.Select(o => (o.Name, o.Type, o.Macs)));
            using var a = new PlanExecutor(mapped);
            using var b = new PlanExecutor(memory);
            mapped.Dispose();
            var input = Networks.Noise(a.InputShape.Count, 1);
            var (outputA, outputB) = (new float[10], new float[10]);
            a.Run(input, outputA);
            b.Run(input, outputB);
            Assert.Equal(outputB, outputA);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Operators_OfANetwork_TellTypesAndMacs()
    {
        using var model = PlanModel.Load(Plan);

        Assert.Equal(
            ["Quantize", "Conv", "Conv", "Conv", "Add", "DepthwiseConv", "Conv", "Conv", "AveragePool", "Dense"],
            model.Operators.Select(o => o.Type));
        Assert.Equal(32 * 32 * 16 * 27, model.Operators[1].Macs);
        Assert.Equal(32 * 32 * 16 * 9, model.Operators[5].Macs);
        Assert.Equal(16 * 9 + 16 * 8, model.Operators[5].WeightBytes);
        Assert.Equal(480, model.Operators[9].Macs);
        Assert.Equal(model.Operators.Sum(o => o.Macs), model.Macs);
    }

    [Fact]
    public void Load_NotAPlan_IsRefused() => Refused([1, 2, 3], "plan: this is not a plan file (it does not begin with EDGEPLAN)");

    [Fact]
    public void Load_OtherVersion_SaysWhatToDo()
    {
        var plan = (byte[])Plan.Clone();
        plan[8] = 9;
        Refused(plan, "plan: version 9 is not supported, this engine reads versions 1 to 2; update the agent, or export the model again");
    }

    [Fact]
    public void Load_Truncated_SaysBothLengths() =>
        Refused(Plan[..^64], $"plan: {Plan.Length - 64} bytes present, the header says {Plan.Length}: the file is truncated or has been appended to");

    [Fact]
    public void Load_FlippedBit_IsRefusedByTheChecksum()
    {
        var plan = (byte[])Plan.Clone();
        plan[^100] ^= 4;
        Refused(plan, "plan: the checksum does not match, the file is damaged; transfer it again");
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(-1f)]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Build_WeightScaleThatIsNone_IsRefused(float scale)
    {
        var b = new PlanBuilder("w");
        var x = b.Input(PlanShape.Flat(1), new(1, 0));
        b.Output(b.DenseHead(x, new([1], [scale], [0])));

        Assert.StartsWith("plan: operator 'head' has the weight scale ", Assert.Throws<PlanFormatException>(b.Build).Message, StringComparison.Ordinal);
    }

    /// <summary>A header that counts no tensors, and an operator that writes one.</summary>
    [Fact]
    public void Load_WithoutTensors_IsRefused()
    {
        var plan = (byte[])Plan.Clone();
        BinaryPrimitives.WriteInt32LittleEndian(plan.AsSpan(20), 0);
        BinaryPrimitives.WriteInt32LittleEndian(plan.AsSpan(28), 0);
        BinaryPrimitives.WriteUInt32LittleEndian(plan.AsSpan(12), Crc32C(plan.AsSpan(16)));

        Refused(plan, "plan: it has no tensors");
    }

    /// <summary>Small to send, and hours to run.</summary>
    [Fact]
    public void Build_PoolThatWouldTakeHours_IsRefused()
    {
        var b = new PlanBuilder("hours");
        var x = b.Input(new PlanShape(4096, 4096, 1), new(1, 0));
        b.Output(b.MaxPool(x, PlanWindow.Square(2049), operatorName: "max"));

        Assert.Equal(
            "plan: up to operator 'max' it needs 17609370107904 multiplications or comparisons, more than 1099511627776 are not allowed",
            Assert.Throws<PlanFormatException>(b.Build).Message);
    }

    [Fact]
    public void Build_BiasThatCanOverflow_IsRefused()
    {
        var b = new PlanBuilder("o");
        var x = b.Input(PlanShape.Flat(1), new(1, 0));
        b.Output(b.DenseHead(x, new([1], [1f], [int.MaxValue])));

        Assert.Equal("plan: operator 'head' can overflow 32 bits in channel 0", Assert.Throws<PlanFormatException>(b.Build).Message);
    }

    /// <summary>b + (q - z) * w from q = 0 to 255: at either end of 32 bits, or one beyond.</summary>
    [Theory]
    [InlineData(1, 255, int.MaxValue, true)]
    [InlineData(1, 254, int.MaxValue, false)]
    [InlineData(-127, 0, int.MaxValue, true)]
    [InlineData(-1, 1, int.MaxValue, false)]
    [InlineData(1, 0, int.MinValue, true)]
    [InlineData(1, 1, int.MinValue, false)]
    [InlineData(-128, 255, int.MinValue, true)]
    [InlineData(-1, 254, int.MinValue, false)]
    public void Build_SumAtAnEndOf32Bits_IsTakenIfItFits(int weight, int zero, int bias, bool fits)
    {
        var b = new PlanBuilder("ends");
        var x = b.Input(PlanShape.Flat(1), new(1, zero));
        b.Output(b.DenseHead(x, new([(sbyte)weight], [1f], [bias])));
        if (!fits)
        {
            Assert.Equal("plan: operator 'head' can overflow 32 bits in channel 0", Assert.Throws<PlanFormatException>(b.Build).Message);
            return;
        }
        var plan = b.Build();
        foreach (var kernels in KernelSet.All.Where(k => k.IsSupported))
            foreach (var q in (int[])[0, 255])
            {
                using var executor = new PlanExecutor(PlanModel.Load(plan), kernels: kernels);
                var output = new float[1];
                executor.Run([q - zero], output);
                Assert.Equal((float)(bias + (long)(q - zero) * weight), output[0]);
            }
    }

    /// <summary>More weights than the sum of their magnitudes says would fit.</summary>
    [Fact]
    public void Build_VeryWideDenseLayer_IsExactAtItsLargestSum()
    {
        const int count = 70_000, zero = 128;
        sbyte[] weights = [.. Enumerable.Range(0, count).Select(i => (sbyte)(i % 2 == 0 ? 127 : -127))];
        float[] input = [.. weights.Select(w => w > 0 ? 255f - zero : -zero)];
        var b = new PlanBuilder("wide");
        b.Output(b.DenseHead(b.Input(PlanShape.Flat(count), new(1, zero)), new(weights, [1f], [7])));
        using var model = PlanModel.Load(b.Build());
        foreach (var kernels in KernelSet.All.Where(k => k.IsSupported))
        {
            using var executor = new PlanExecutor(model, kernels: kernels);
            var output = new float[1];
            executor.Run(input, output);
            Assert.Equal((float)(7 + 127L * 255 * (count / 2)), output[0]);
        }
    }

    [Fact]
    public void Convolution_WeightsThatDoNotFit_AreRefusedByName()
    {
        var b = new PlanBuilder("c");
        var x = b.Input(new PlanShape(4, 4, 3), new(1, 0));

        var error = Assert.Throws<ArgumentException>(() => b.Convolution(x, new(new sbyte[5], [1f], [0]), PlanWindow.Square(3), 1, new(1, 0), operatorName: "stem"));

        Assert.Equal("operator 'stem' has 5 weights, 1 scales and 1 biases over 4x4x3 in 1 groups, expected 27 weights", error.Message);
    }

    /// <summary>Damage that a checksum finds: every flip and every cut of every plan is refused.</summary>
    [Fact]
    public void Load_RandomDamage_IsAlwaysRefused()
    {
        for (var seed = 1; seed <= Mutations; seed++)
        {
            var random = new Random(seed);
            var plan = (byte[])s_sound[seed % s_sound.Length].Clone();
            if (random.Next(3) == 0)
                plan = plan[..random.Next(plan.Length)];
            else
                for (var flips = random.Next(1, 4); flips > 0; flips--)
                    plan[random.Next(plan.Length)] ^= (byte)random.Next(1, 256);
            try
            {
                PlanModel.Load(plan).Dispose();
                Assert.Equal(s_sound[seed % s_sound.Length], plan); // two flips may undo one another
            }
            catch (PlanFormatException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
        }
    }

    /// <summary>Damage behind a right checksum, as an attacker would do it: refused, or harmless to run.</summary>
    [Fact]
    public void Load_DamageWithARightChecksum_IsRefusedOrRuns()
    {
        var ran = 0;
        for (var seed = 1; seed <= Mutations; seed++)
        {
            var random = new Random(seed);
            var plan = (byte[])s_sound[seed % s_sound.Length].Clone();
            var tables = BinaryPrimitives.ReadInt32LittleEndian(plan.AsSpan(32));
            for (var flips = random.Next(1, 4); flips > 0; flips--)
                Damage(random, plan.AsSpan(16, (random.Next(4) == 0 ? plan.Length : tables) - 16));
            BinaryPrimitives.WriteUInt32LittleEndian(plan.AsSpan(12), Crc32C(plan.AsSpan(16)));
            try
            {
                using var model = PlanModel.Load(plan);
                if (model.Macs > 10_000_000 || model.Tensors.Sum(t => (long)t.Shape.Count) > 10_000_000)
                    continue;
                using var executor = new PlanExecutor(model);
                executor.Run(new float[executor.InputShape.Count], new float[executor.OutputShape.Count]);
                ran++;
            }
            catch (PlanFormatException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
        }
        Assert.True(ran > Mutations / 60, $"only {ran} damaged plans were sound enough to run: the test tests too little");
    }

    private static void Damage(Random random, Span<byte> bytes)
    {
        var at = random.Next(bytes.Length);
        switch (random.Next(3))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                bytes[at] = (byte)random.Next(256);
                break;
            default:
                // A whole field: a small number, a huge one or one off.
                at = Math.Min(at, bytes.Length - 4);
                var old = BinaryPrimitives.ReadInt32LittleEndian(bytes[at..]);
                var value = random.Next(4) switch { 0 => random.Next(300), 1 => int.MaxValue - random.Next(70), 2 => old + random.Next(-2, 3), _ => -1 };
                BinaryPrimitives.WriteInt32LittleEndian(bytes[at..], value);
                break;
        }
    }

    private static uint Crc32C(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var b in bytes)
            crc = BitOperations.Crc32C(crc, b);
        return ~crc;
    }

    private static void Refused(byte[] plan, string message) =>
        Assert.Equal(message, Assert.Throws<PlanFormatException>(() => PlanModel.Load(plan)).Message);
}

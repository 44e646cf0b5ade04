using System.Globalization;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Benchmarks.Native;

/// <summary>
/// What the Arm kernels cost, without a board: instructions of whole layers, counted by qemu one by one in the program that
/// boards run, and the instructions per cycle of the hottest loop by LLVM's model of each core. Their quotient bounds the
/// rate: caches never miss in it, and branches are never mispredicted.
/// </summary>
internal static class ArmKernelCosts
{
    /// <summary>Where qemu's user mode maps the program.</summary>
    private const long LoadAddress = 0x55_0000_0000;

    /// <summary>Cores that LLVM knows by another name, or has no model of.</summary>
    private static readonly Dictionary<string, string> s_models = new()
    {
        ["Cortex-A78AE"] = "cortex-a78",
        ["Carmel"] = "cortex-a57",
    };

    /// <param name="profiles">Folder of the firmware profiles.</param>
    public static int Run(string profiles)
    {
        var program = NativeProgram.Publish("linux-arm64", "int8-arm64");
        var functions = program.Functions(IsKernel);
        var boards = Directory.GetFiles(profiles, "*.json").Where(f => !f.EndsWith("schema.json", StringComparison.Ordinal)).Order()
            .Select(f => ProfileLoader.LoadById(profiles, Path.GetFileNameWithoutExtension(f))).Where(p => p.Cpu.Architecture == "arm64").ToList();
        foreach (var (kernels, cpu) in (ReadOnlySpan<(string, string)>)[("neon", "cortex-a72"), ("neon-dot", "max")])
        {
            var ours = boards.Where(p => p.Cpu.Isa.Contains("dotprod") == (kernels == "neon-dot")).ToList();
            Console.WriteLine($"\n| {kernels} | instructions per MAC | of them in the inner loop | {string.Join(" | ", ours.Select(p => $"{p.Id}, at most GMAC/s"))} |");
            Console.WriteLine($"|---|---|---|{string.Concat(ours.Select(_ => "---|"))}");
            foreach (var layer in SingleLayer.All)
                Console.WriteLine(Row(program, functions, kernels, cpu, layer, ours));
        }
        return 0;
    }

    private static string Row(NativeProgram program, IReadOnlyList<(string Name, long Address, long Size)> functions, string kernels, string cpu, SingleLayer layer, List<DeviceProfile> boards)
    {
        var plan = Path.Combine(NativeProgram.Folder, "layer.plan");
        File.WriteAllBytes(plan, layer.Plan);
        using var model = PlanModel.Load(layer.Plan);
        var counts = Counts(program, functions, kernels, cpu, plan, runs: 2);
        foreach (var (address, count) in Counts(program, functions, kernels, cpu, plan, runs: 1))
            counts[address] -= count;
        var total = counts.Values.Sum();
        var (loop, inLoop) = InnerLoop(program, functions, counts);
        var rates = boards.Select(p =>
        {
            var perCycle = InstructionsPerCycle(s_models.GetValueOrDefault(p.Cpu.Core, p.Cpu.Core.ToLowerInvariant()), loop);
            return string.Create(CultureInfo.InvariantCulture, $"{p.Cpu.ClockGhz.Value * perCycle * model.Macs / total:f1}");
        });
        return string.Create(CultureInfo.InvariantCulture, $"| {layer.Name} | {(double)total / model.Macs:f3} | {(double)inLoop / total:p0} | {string.Join(" | ", rates)} |");
    }

    /// <summary>How often each instruction of the kernels was executed.</summary>
    private static Dictionary<long, long> Counts(
        NativeProgram program, IReadOnlyList<(string Name, long Address, long Size)> functions, string kernels, string cpu, string plan, int runs)
    {
        var log = Path.Combine(NativeProgram.Folder, "trace.log");
        var ranges = string.Join(',', functions.Select(f => $"0x{f.Address + LoadAddress:x}+0x{f.Size:x}"));
        NativeProgram.Output(
            "qemu-aarch64-static",
            ["-cpu", cpu, "-singlestep", "-d", "exec,nochain", "-dfilter", ranges, "-D", log, program.Path, "run", plan, runs.ToString(CultureInfo.InvariantCulture)],
            input: null, ("QEMU_LD_PREFIX", "/usr/aarch64-linux-gnu"), ("EDGEAGENT_INT8_KERNELS", kernels));
        var counts = new Dictionary<long, long>();
        foreach (var line in File.ReadLines(log))
        {
            // Trace 0: HOST [BASE/ADDRESS/FLAGS/...]
            var from = line.IndexOf('/') + 1;
            if (from == 0 || !line.StartsWith("Trace", StringComparison.Ordinal))
                continue;
            var address = long.Parse(line.AsSpan(from, line.IndexOf('/', from) - from), NumberStyles.HexNumber, CultureInfo.InvariantCulture) - LoadAddress;
            counts[address] = counts.GetValueOrDefault(address) + 1;
        }
        File.Delete(log);
        return counts;
    }

    /// <summary>
    /// The instructions of the function with most executions that are executed at least half as often as its most frequent
    /// one, in order, and how many executions those are.
    /// </summary>
    private static (IReadOnlyList<string> Loop, long Executions) InnerLoop(
        NativeProgram program, IReadOnlyList<(string Name, long Address, long Size)> functions, Dictionary<long, long> counts)
    {
        long Executions((string, long Address, long Size) f) => counts.Where(c => c.Key >= f.Address && c.Key < f.Address + f.Size).Sum(c => c.Value);
        var hottest = functions.MaxBy(Executions);
        var code = program.Disassemble(hottest.Address, hottest.Size);
        var most = code.Max(i => counts.GetValueOrDefault(i.Address));
        var loop = code.Where(i => counts.GetValueOrDefault(i.Address) * 2 > most).ToList();
        return ([.. loop.Select(i => i.Text)], loop.Sum(i => counts[i.Address]));
    }

    private static double InstructionsPerCycle(string core, IReadOnlyList<string> loop)
    {
        const int iterations = 200;
        // Where a branch goes does not matter to the model; the operand has to be a label.
        var text = "loop:\n" + string.Concat(loop.Select(i => System.Text.RegularExpressions.Regex.Replace(i, @"0x[0-9a-f]+ <.*>$", "loop") + "\n"));
        var report = NativeProgram.Output("llvm-mca", ["-mtriple=aarch64", $"-mcpu={core}", "-mattr=+dotprod", $"-iterations={iterations}"], text);
        var cycles = report.Split('\n').First(l => l.StartsWith("Total Cycles:", StringComparison.Ordinal)).Split(':')[1];
        return (double)loop.Count * iterations / long.Parse(cycles, NumberStyles.AllowLeadingWhite, CultureInfo.InvariantCulture);
    }

    /// <summary>Convolutions, without the packing that is done once.</summary>
    private static bool IsKernel(string name) =>
        name.Contains("EdgeAgent_Int8_Kernels_", StringComparison.Ordinal) && !name.EndsWith("__ctor", StringComparison.Ordinal) && !name.Contains("X86", StringComparison.Ordinal)
        && (name.Contains("Kernels_Arm_", StringComparison.Ordinal) || name.Contains("Kernels_Packing_", StringComparison.Ordinal) || name.Contains("Vector_Depthwise", StringComparison.Ordinal))
        && !name.StartsWith("unbox", StringComparison.Ordinal) && !name.Contains("GetFieldHelper", StringComparison.Ordinal);
}

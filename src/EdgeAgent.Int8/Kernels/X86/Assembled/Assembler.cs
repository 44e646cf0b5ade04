namespace EdgeAgent.Int8.Kernels.X86.Assembled;

/// <summary>64-bit registers; the value is the register's number in the encoding.</summary>
internal enum Register : byte
{
    Rax, Rcx, Rdx, Rbx, Rsp, Rbp, Rsi, Rdi, R8, R9, R10, R11, R12, R13, R14, R15,
}

/// <summary>[Base + Index + Offset]; RSP cannot be an index and stands for none, here and in the encoding.</summary>
internal readonly record struct Address(Register Base, int Offset = 0, Register Index = Register.Rsp);

internal enum Condition : byte
{
    Below = 2, Equal = 4, NotEqual = 5, Less = 12, GreaterOrEqual = 13,
}

/// <summary>
/// Writes the few instructions that the AVX-512 VNNI kernels are made of. Vector registers are numbers from 0 to 31, used
/// as wide as <see cref="VectorBits"/> says. Encodings: Intel SDM, volume 2.
/// </summary>
internal sealed class Assembler
{
    // The opcode maps 0F and 0F38, and the prefixes none, 66, F3 and F2, by their numbers in the prefix of vector instructions.
    private const int Map0F = 1;
    private const int Map0F38 = 2;
    private const int None = 0;
    private const int Prefix66 = 1;
    private const int PrefixF3 = 2;
    private const int PrefixF2 = 3;

    private byte[] _code = new byte[16 << 10];

    /// <summary>Width of vector instructions: 512, 256 or 128.</summary>
    public int VectorBits { get; set; } = 512;

    /// <summary>Where the next instruction goes.</summary>
    public int Position { get; private set; }

    public ReadOnlySpan<byte> Code => _code.AsSpan(0, Position);

    /// <summary>The start of a function or of a hot loop.</summary>
    public int Align(int bytes)
    {
        while (Position % bytes != 0)
            Byte(0x90);
        return Position;
    }

    /// <summary>sum += x (u8) times w (s8), four products to each int32 lane: VPDPBUSD.</summary>
    public void MultiplyAdd(int sum, int x, int w) => Vector(Map0F38, Prefix66, 0x50, sum, x, w);

    public void MultiplyAdd(int sum, int x, Address w) => Vector(Map0F38, Prefix66, 0x50, sum, x, w);

    /// <summary>Every lane is the same 32 bits of memory: VPBROADCASTD.</summary>
    public void Broadcast(int to, Address from) => Vector(Map0F38, Prefix66, 0x58, to, 0, from);

    /// <summary>VMOVDQU32.</summary>
    public void Load(int to, Address from) => Vector(Map0F, PrefixF3, 0x6f, to, 0, from);

    public void Store(Address to, int from) => Vector(Map0F, PrefixF3, 0x7f, from, 0, to);

    /// <summary>VMOVDQA32.</summary>
    public void Copy(int to, int from) => Vector(Map0F, Prefix66, 0x6f, to, 0, from);

    /// <summary>VPXORD with itself.</summary>
    public void Zero(int to) => Vector(Map0F, Prefix66, 0xef, to, to, to);

    /// <summary>VPADDD.</summary>
    public void AddInt32(int to, int a, int b) => Vector(Map0F, Prefix66, 0xfe, to, a, b);

    /// <summary>VCVTDQ2PS.</summary>
    public void ConvertToFloat(int to, int from) => Vector(Map0F, None, 0x5b, to, 0, from);

    /// <summary>VCVTPS2DQ: to nearest, ties to even, which is the mode of every .NET thread.</summary>
    public void ConvertToInt32(int to, int from) => Vector(Map0F, Prefix66, 0x5b, to, 0, from);

    /// <summary>VMULPS.</summary>
    public void Multiply(int to, int a, int b) => Vector(Map0F, None, 0x59, to, a, b);

    /// <summary>VMAXPS.</summary>
    public void Maximum(int to, int a, int b) => Vector(Map0F, None, 0x5f, to, a, b);

    /// <summary>VMINPS.</summary>
    public void Minimum(int to, int a, int b) => Vector(Map0F, None, 0x5d, to, a, b);

    /// <summary>
    /// The lowest byte of each lane whose bit in the mask register is set; other bytes of memory are not touched, and the
    /// register is lost: VPMOVDB, VMOVDQU8. VPMOVDB to memory with a mask is microcode, ten times slower.
    /// </summary>
    public void StoreBytes(Address to, int from, int mask)
    {
        Vector(Map0F38, PrefixF3, 0x31, from, 0, from);
        var bits = VectorBits;
        VectorBits = 128;
        Vector(Map0F, PrefixF2, 0x7f, from, 0, to, mask);
        VectorBits = bits;
    }

    /// <summary>The first lanes of a mask register, as many as <paramref name="count"/> says, which is lost: BZHI, KMOVW.</summary>
    public void MaskOfFirst(int mask, Register count)
    {
        const Register ones = Register.Rax;
        Byte(0x48, 0xc7, 0xc0); // mov rax, -1
        Int32(-1);
        Byte(0xc4, 0xe2, 0x80 | (~(int)count & 15) << 3, 0xf5, 0xc0); // bzhi rax, rax, count
        Byte(0xc5, 0xf8, 0x92, 0xc0 | mask << 3 | (int)ones); // kmovw mask, eax
    }

    /// <summary>XGETBV of register 0: the lower half of it is in RAX.</summary>
    public void ReadEnabledState() => Byte(0x31, 0xc9, 0x0f, 0x01, 0xd0); // xor ecx, ecx; xgetbv

    /// <summary>VZEROUPPER: the code around may use instructions that would wait for the upper halves.</summary>
    public void ZeroUpper() => Byte(0xc5, 0xf8, 0x77);

    public void Load(Register to, Address from) => Integer(0x8b, (int)to, from);

    /// <summary>32 bits with their sign.</summary>
    public void LoadInt32(Register to, Address from) => Integer(0x63, (int)to, from);

    public void Copy(Register to, Register from) => Integer(0x89, (int)from, to);

    public void Add(Register to, Register value) => Integer(0x01, (int)value, to);

    public void Compare(Register a, Register b) => Integer(0x39, (int)b, a);

    public void Multiply(Register to, Register value)
    {
        Rex((int)to, (int)value >> 3, 0);
        Byte(0x0f, 0xaf, 0xc0 | ((int)to & 7) << 3 | (int)value & 7);
    }

    public void Add(Register to, int value)
    {
        Integer(0x81, 0, to);
        Int32(value);
    }

    public void Subtract(Register to, int value)
    {
        Integer(0x81, 5, to);
        Int32(value);
    }

    public void ShiftLeft(Register to, int bits)
    {
        Integer(0xc1, 4, to);
        Byte(bits);
    }

    public void Push(Register register) => Byte(0x41 - ((int)register < 8 ? 1 : 0), 0x50 | (int)register & 7);

    public void Pop(Register register) => Byte(0x41 - ((int)register < 8 ? 1 : 0), 0x58 | (int)register & 7);

    public void Return() => Byte(0xc3);

    /// <summary>A jump to code that is already there.</summary>
    public void JumpBack(Condition condition, int target) => Patch(JumpAhead(condition), target);

    /// <summary>A jump to be completed by <see cref="Land"/>.</summary>
    public int JumpAhead(Condition condition)
    {
        Byte(0x0f, 0x80 | (int)condition);
        Int32(0);
        return Position;
    }

    public void Land(int jump) => Patch(jump, Position);

    private void Patch(int jump, int target) => BitConverter.TryWriteBytes(_code.AsSpan(jump - 4), target - jump);

    private void Vector(int map, int prefix, int opcode, int register, int second, int third)
    {
        Evex(map, prefix, register, second, third >> 3 & 1, third >> 4, 0);
        Byte(opcode, 0xc0 | (register & 7) << 3 | third & 7);
    }

    private void Vector(int map, int prefix, int opcode, int register, int second, Address third, int mask = 0)
    {
        Evex(map, prefix, register, second, (int)third.Base >> 3, (int)third.Index >> 3, mask);
        Byte(opcode);
        Memory(register, third);
    }

    /// <summary>The four bytes before the opcode; all register bits but those of the mask are stored inverted.</summary>
    private void Evex(int map, int prefix, int register, int second, int baseBit, int indexBit, int mask) => Byte(
        0x62,
        (~register >> 3 & 1) << 7 | (indexBit ^ 1) << 6 | (baseBit ^ 1) << 5 | (~register >> 4 & 1) << 4 | map,
        (~second & 15) << 3 | 1 << 2 | prefix,
        VectorBits / 256 << 5 | (~second >> 4 & 1) << 3 | mask);

    private void Integer(int opcode, int register, Address address)
    {
        Rex(register, (int)address.Base >> 3, (int)address.Index >> 3);
        Byte(opcode);
        Memory(register, address);
    }

    private void Integer(int opcode, int register, Register operand)
    {
        Rex(register, (int)operand >> 3, 0);
        Byte(opcode, 0xc0 | (register & 7) << 3 | (int)operand & 7);
    }

    private void Rex(int register, int baseBit, int indexBit) => Byte(0x48 | register >> 3 << 2 | indexBit << 1 | baseBit);

    /// <summary>ModRM, SIB and offset. An offset of 8 bits would be scaled in vector instructions, so there is none but 0, which RBP and R13 need.</summary>
    private void Memory(int register, Address address)
    {
        var (low, hasIndex) = ((int)address.Base & 7, address.Index != Register.Rsp);
        var mode = address.Offset != 0 ? 2 : low == 5 ? 1 : 0;
        var sib = hasIndex || low == 4;
        Byte(mode << 6 | (register & 7) << 3 | (sib ? 4 : low));
        if (sib)
            Byte(((int)address.Index & 7) << 3 | low);
        if (mode == 1)
            Byte(0);
        else if (mode == 2)
            Int32(address.Offset);
    }

    private void Int32(int value) => Byte(value & 0xff, value >> 8 & 0xff, value >> 16 & 0xff, value >> 24 & 0xff);

    private void Byte(params ReadOnlySpan<int> values)
    {
        if (Position + values.Length > _code.Length)
            Array.Resize(ref _code, 2 * _code.Length);
        foreach (var value in values)
            _code[Position++] = (byte)value;
    }
}

/**
 * The runner for x86-64: walks the records and makes the calls. rbx is the record; the calling convention of
 * syscall(2): number in rax, arguments in rdi rsi rdx r10 r8 r9, negative errno in rax; rcx and r11 are clobbered.
 */
import { Assembler } from './assembler.ts'
import { NOWHERE, OFFSET, RECORD_SIZE, type RunnerAddresses } from './record.ts'

const EM_X86_64 = 62

const JMP = 0xeb
const JB = 0x72 // also: carry
const JNB = 0x73
const JE = 0x74
const JNE = 0x75
const JA = 0x77
const JS = 0x78

const jump = (code: Assembler, opcode: number, label: string): Assembler =>
  code
    .emit(opcode)
    .fixup(label, (bytes, at, target) => {
      const distance = target - (at + 1)
      if (distance < -128 || distance > 127) throw new Error(`${label} is out of reach of a short jump`)
      bytes[at] = distance & 0xff
    })
    .emit(0)

export const assembleX86 = ({ first, failure, fatal }: RunnerAddresses): Uint8Array => {
  const code = new Assembler()
  const goto = (opcode: number, label: string) => jump(code, opcode, label)

  code.emit(0x48, 0xbb).quad(first) // mov rbx, first
  code.label('next').emit(0x31, 0xc9) // xor ecx, ecx
  code.label('argument')
  code.emit(0x48, 0x8b, 0x44, 0xcb, OFFSET.args) // mov rax, [rbx + rcx*8 + args]
  code.emit(0x0f, 0xa3, 0x4b, OFFSET.loads) // bt [rbx + loads], ecx
  goto(JNB, 'literal')
  code.emit(0x48, 0x63, 0x00) // movsxd rax, dword [rax]
  code.label('literal').emit(0x50, 0xff, 0xc1, 0x83, 0xf9, 6) // push rax; inc ecx; cmp ecx, 6
  goto(JNE, 'argument')
  code.emit(0x41, 0x59, 0x41, 0x58, 0x41, 0x5a, 0x5a, 0x5e, 0x5f) // pop r9, r8, r10, rdx, rsi, rdi
  code.emit(0x48, 0x8b, 0x03, 0x48, 0x83, 0xf8, 0xff) // mov rax, [rbx]; cmp rax, -1
  goto(JE, 'no-call')
  code.emit(0x0f, 0x05) // syscall
  goto(JMP, 'called')
  code.label('no-call').emit(0x31, 0xc0) // xor eax, eax

  code.label('called').emit(0x48, 0x8b, 0x4b, OFFSET.result, 0x48, 0x85, 0xc9) // mov rcx, [rbx + result]; test rcx, rcx
  goto(JE, 'unstored')
  code.emit(0x48, 0x89, 0x01) // mov [rcx], rax
  code.label('unstored').emit(0x48, 0x85, 0xc0) // test rax, rax
  goto(JS, 'error')
  goto(JNE, 'advance')
  code.emit(0x48, 0x8b, 0x4b, OFFSET.onZero) // mov rcx, [rbx + onZero]
  code.label('follow').emit(0x48, 0x85, 0xc9) // test rcx, rcx
  goto(JE, 'advance')
  code.emit(0x48, 0x89, 0xcb) // mov rbx, rcx
  goto(JMP, 'next')
  code.label('advance').emit(0x48, 0x83, 0xc3, RECORD_SIZE) // add rbx, RECORD_SIZE
  goto(JMP, 'next')

  code.label('error')
  code.emit(0x48, 0x83, 0x7b, OFFSET.tolerate, 0xff) // cmp qword [rbx + tolerate], -1
  goto(JE, 'tolerated')
  code.emit(0x48, 0x89, 0xc1, 0x48, 0xf7, 0xd9) // mov rcx, rax; neg rcx
  code.emit(0x48, 0x83, 0xf9, 63) // cmp rcx, 63
  goto(JA, 'fatal')
  code.emit(0x48, 0x8b, 0x53, OFFSET.tolerate, 0x48, 0x0f, 0xa3, 0xca) // mov rdx, [rbx + tolerate]; bt rdx, rcx
  goto(JB, 'tolerated')

  code.label('fatal').emit(0x48, 0xb9).quad(failure) // mov rcx, failure
  code.emit(0x48, 0x89, 0x19, 0x48, 0x89, 0x41, 8) // mov [rcx], rbx; mov [rcx + 8], rax
  code.emit(0x48, 0xbb).quad(fatal) // mov rbx, fatal
  // A near jump: `next` is out of reach of a short one.
  code.emit(0xe9).fixup('next', (bytes, at, target) => new DataView(bytes.buffer).setInt32(at, target - (at + 4), true))
  code.word(0)

  code.label('tolerated').emit(0x48, 0x8b, 0x4b, OFFSET.onError) // mov rcx, [rbx + onError]
  goto(JMP, 'follow')
  return code.finish()
}

export const X86_64 = { machine: EM_X86_64, assemble: assembleX86, codeLength: assembleX86(NOWHERE).length }
